/*
 * softmax_jacobian
 *
 * z: k
 * p[i] = exp(z[i] - Maximum(z[j], j))/Sum(exp(z[j] - Maximum(z[k], k)), j)
 * jac_z[i, l] = (Delta(i, l) - p[l])*p[i]
 * -> jac_z
 *
 * Arrays are dense and row-major.
 * work: room for k numbers.
 */
#include <math.h>
#include <stddef.h>

static inline double max_of(double a, double b)
{
    return a > b || a != a ? a : b;
}

void softmax_jacobian(ptrdiff_t k, const double *restrict z, double *restrict jac_z,
                      double *restrict work)
{
    double *restrict p = work;
    double t2 = -INFINITY;
    for (ptrdiff_t l = 0; l < k; ++l) {
        t2 = max_of(t2, z[l]);
    }
    double t1 = 0.0;
    for (ptrdiff_t j = 0; j < k; ++j) {
        t1 += exp(z[j] - t2);
    }
    for (ptrdiff_t i = 0; i < k; ++i) {
        p[i] = exp(z[i] - t2)/t1;
    }
    for (ptrdiff_t m = 0; m < k; ++m) {
        for (ptrdiff_t q = 0; q < k; ++q) {
            jac_z[m*k + q] = p[m]*((m == q ? 1.0 : 0.0) - p[q]);
        }
    }
}
