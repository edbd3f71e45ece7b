! Krum behind nearest-neighbour mixing on seven vectors, of which two are wrong. Build:
!
!     gfortran aggregate.f90 $(pkg-config --libs vexil-aggregate) -o aggregate
!
! A row of the library is a column here.
program aggregate
    use, intrinsic :: iso_c_binding
    implicit none

    interface
        function vexil_create(rule, pre, byzantine, options, share, rows_max, dimension, handle) &
                bind(c) result(code)
            import
            character(kind=c_char), intent(in) :: rule(*), pre(*), options(*)
            integer(c_size_t), value :: byzantine, rows_max, dimension
            type(c_ptr), value :: share
            type(c_ptr), intent(out) :: handle
            integer(c_int) :: code
        end function
        function vexil_run_f64(handle, rows, n, d, ld, present, update) bind(c) result(code)
            import
            type(c_ptr), value :: handle, present
            real(c_double), intent(in) :: rows(*)
            integer(c_size_t), value :: n, d, ld
            real(c_double), intent(out) :: update(*)
            integer(c_int) :: code
        end function
        subroutine vexil_destroy(handle) bind(c)
            import
            type(c_ptr), value :: handle
        end subroutine
    end interface

    integer(c_size_t), parameter :: n = 7, d = 6
    real(c_double) :: rows(d, n), update(d)
    type(c_ptr) :: handle
    integer(c_size_t) :: i, k

    do i = 1, n
        do k = 1, d
            rows(k, i) = 1.0d0 + 0.01d0 * real(mod((i - 1) * (k - 1), 5_c_size_t), c_double)
            if (i <= 2) rows(k, i) = -1000.0d0 * real(i, c_double)
        end do
    end do
    call check(vexil_create("krum" // c_null_char, "nnm" // c_null_char, 2_c_size_t, &
        "threads=2" // c_null_char, c_null_ptr, n, d, handle))
    call check(vexil_run_f64(handle, rows, n, d, d, c_null_ptr, update))
    print "(a, 6(1x, g0.6))", "update", update
    call vexil_destroy(handle)

contains
    subroutine check(code)
        integer(c_int), intent(in) :: code
        if (code /= 0) error stop "aggregate: failed"
    end subroutine
end program
