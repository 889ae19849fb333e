/*
 * sigmoid_grad
 *
 * x: scalar
 * grad_x = sigmoid(-x)*sigmoid(x)
 * -> grad_x
 *
 * Arrays are dense and row-major.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* a*b + c, rounded once where the processor has an instruction for it. */
static inline double multiply_add_f64(double a, double b, double c)
{
#ifdef FP_FAST_FMA
    return fma(a, b, c);
#else
    return a*b + c;
#endif
}

static inline uint64_t bits_f64(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline double from_bits_f64(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The exponential of x; results below the normal numbers are right, too. */
static inline double exp_of(double x)
{
    const double clamped = (x < (-745.8263662825011)) ? (-745.8263662825011) : x;
    const double shifted = multiply_add_f64(clamped, 1.4426950408889634, 6755399441055744.0);
    const double k = shifted - 6755399441055744.0;
    const double high = multiply_add_f64(k, -0.693147180559663, clamped);
    const double low = k*2.8235290563031577e-13;
    const double r = high - low;
    const double square = r*r;
    double odd = 2.5113955449639206e-08;
    odd = multiply_add_f64(odd, square, 2.755722862443143e-06);
    odd = multiply_add_f64(odd, square, 0.00019841269903405408);
    odd = multiply_add_f64(odd, square, 0.008333333333313887);
    odd = multiply_add_f64(odd, square, 0.16666666666666688);
    double even = 2.097845419139027e-09;
    even = multiply_add_f64(even, square, 2.7557065728773024e-07);
    even = multiply_add_f64(even, square, 2.4801587560697723e-05);
    even = multiply_add_f64(even, square, 0.00138888888887776);
    even = multiply_add_f64(even, square, 0.041666666666666824);
    even = multiply_add_f64(even, square, 0.5);
    const double q = multiply_add_f64(odd, r, even);
    const double whole = 1.0 + multiply_add_f64(r*r, q, r);
    const int small = x < (-707.0101241711442);
    return (x <= 709.782712893384) ? ((from_bits_f64(bits_f64(whole) + ((bits_f64(shifted) << 52) + (small ? 0x400000000000000ull : 0))))*(small ? 5.421010862427522e-20 : 1.0)) : (x*INFINITY);
}

void sigmoid_grad(double x, double *restrict grad_x)
{
    *grad_x = (x >= 0.0 ? 1.0 : exp_of(-fabs(x)))*(-x >= 0.0 ? 1.0 : exp_of(-fabs(x)))/((1.0 + exp_of(-fabs(x)))*(1.0 + exp_of(-fabs(x))));
}
