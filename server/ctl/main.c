#include <vx_ctl/ctl.h>

int main(int argc, char **argv)
{
    return vx_ctl_main(argc, argv);
}
