#include "augment_maps.h"

#include <math.h>

#define STEPS 200 /* of the integration: its errors are far below a pixel */

void vx_map_cat(size_t side, unsigned times, uint32_t *ret_map)
{
    for (size_t y = 0; y < side; y++) {
        for (size_t x = 0; x < side; x++) {
            size_t to_x = x, to_y = y;

            for (unsigned t = 0; t < times; t++) {
                size_t sum = (to_x + to_y) % side;

                to_x = (to_x + sum) % side; /* 2 x + y */
                to_y = sum;
            }
            ret_map[to_y * side + to_x] = (uint32_t)(y * side + x);
        }
    }
}

typedef struct point {
    double x, y;
} point;

static point velocity(point p)
{
    return (point){ 2.0 / 3.0 * p.x - 4.0 / 3.0 * p.x * p.y, p.x * p.y - p.y };
}

static point along(point p, point v, double time)
{
    return (point){ p.x + time * v.x, p.y + time * v.y };
}

/* The classical method of Runge and Kutta, of fourth order. */
static point flow(point p, double time)
{
    double h = time / STEPS;

    for (int i = 0; i < STEPS; i++) {
        point k1 = velocity(p);
        point k2 = velocity(along(p, k1, h / 2));
        point k3 = velocity(along(p, k2, h / 2));
        point k4 = velocity(along(p, k3, h));

        p.x += h / 6 * (k1.x + 2 * k2.x + 2 * k3.x + k4.x);
        p.y += h / 6 * (k1.y + 2 * k2.y + 2 * k3.y + k4.y);
    }
    return p;
}

/* The nearest pixel, where the published code cuts off the fraction; it counts x along the first
 * axis of the array, down, as here. A flow that has left the numbers is outside. */
void vx_map_lotka_volterra(size_t height, size_t width, double time, uint32_t *ret_map)
{
    double middle_x = (double)height / 2, middle_y = (double)width / 2;

    for (size_t row = 0; row < height; row++) {
        for (size_t column = 0; column < width; column++) {
            point p = flow((point){ middle_x - (double)row, middle_y - (double)column }, time);
            double from_row = floor(middle_x - p.x + 0.5);
            double from_column = floor(middle_y - p.y + 0.5);
            int inside = from_row >= 0 && from_row < (double)height && from_column >= 0 &&
                         from_column < (double)width;

            ret_map[row * width + column] =
                inside ? (uint32_t)((size_t)from_row * width + (size_t)from_column)
                       : VX_MAP_OUTSIDE;
        }
    }
}

/* t mod 1 with its n-th Fourier coefficient times s^n; s = 1 is t mod 1. The sum is closed by
 * sum s^n sin(n a) / n = atan2(s sin a, 1 - s cos a). */
static double smooth_modulus(double t, double s)
{
    double angle = 2 * M_PI * t;

    return 0.5 - atan2(s * sin(angle), 1 - s * cos(angle)) / M_PI;
}

/* The pixel of the source and how far it is beyond it; places are kept in the image. */
static void split(double place, size_t side, size_t *ret_pixel, float *ret_rest)
{
    double last = (double)(side - 1);

    place = place < 0 ? 0 : place > last ? last : place;
    *ret_pixel = (size_t)place;
    *ret_rest = (float)(place - floor(place));
}

/* Pixels stand for their middles, so that with s = 1 a pixel comes from one pixel. */
void vx_map_smooth_cat(size_t side, double smoothness, vx_between *ret_map)
{
    double n = (double)side;

    for (size_t y = 0; y < side; y++) {
        for (size_t x = 0; x < side; x++) {
            double u1 = ((double)x - (double)y + 0.5) / n;
            double u2 = (2 * (double)y - (double)x + 0.5) / n;
            vx_between *to = &ret_map[y * side + x];
            size_t row = 0, column = 0;

            split(n * smooth_modulus(u1, smoothness) - 0.5, side, &column, &to->right);
            split(n * smooth_modulus(u2, smoothness) - 0.5, side, &row, &to->down);
            to->corner = (uint32_t)(row * side + column);
            to->below = row + 1 < side ? (uint32_t)side : 0;
            to->beside = column + 1 < side ? 1 : 0;
        }
    }
}
