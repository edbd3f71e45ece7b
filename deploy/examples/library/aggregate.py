"""Krum behind nearest-neighbour mixing on seven vectors, of which two are wrong, through ctypes.

python3 aggregate.py [libvexil_aggregate.so.0]
"""
import ctypes
import sys

ROWS, NUMBERS = 7, 6


def load(path):
    library = ctypes.CDLL(path)
    size, doubles = ctypes.c_size_t, ctypes.POINTER(ctypes.c_double)
    library.vexil_error.restype = ctypes.c_char_p
    library.vexil_create.argtypes = [
        ctypes.c_char_p, ctypes.c_char_p, size, ctypes.c_char_p, doubles, size, size,
        ctypes.POINTER(ctypes.c_void_p)]
    library.vexil_run_f64.argtypes = [
        ctypes.c_void_p, doubles, size, size, size, ctypes.c_char_p, doubles]
    library.vexil_report_list.argtypes = [
        ctypes.c_void_p, ctypes.c_char_p, doubles, size, ctypes.POINTER(size)]
    library.vexil_destroy.argtypes = [ctypes.c_void_p]
    library.vexil_destroy.restype = None
    return library


def main():
    library = load(sys.argv[1] if len(sys.argv) > 1 else "libvexil_aggregate.so.0")

    def check(code):
        if code != 0:
            sys.exit("aggregate: " + library.vexil_error().decode())

    rows = [[-1000.0 * (i + 1)] * NUMBERS if i < 2 else
            [1.0 + 0.01 * (i * k % 5) for k in range(NUMBERS)] for i in range(ROWS)]
    flat = (ctypes.c_double * (ROWS * NUMBERS))(*sum(rows, []))
    update = (ctypes.c_double * NUMBERS)()
    weight = (ctypes.c_double * ROWS)()
    aggregator = ctypes.c_void_p()
    check(library.vexil_create(b"krum", b"nnm", 2, b"threads=2", None, ROWS, NUMBERS,
                               ctypes.byref(aggregator)))
    check(library.vexil_run_f64(aggregator, flat, ROWS, NUMBERS, NUMBERS, None, update))
    check(library.vexil_report_list(aggregator, b"weight", weight, ROWS, None))
    print("update", *(f"{value:.6g}" for value in update))
    print("weight", *(f"{value:.6g}" for value in weight))
    library.vexil_destroy(aggregator)


if __name__ == "__main__":
    main()
