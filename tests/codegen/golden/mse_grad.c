/*
 * mse_grad
 *
 * X: n d
 * w: d
 * y: n
 * yhat[i] = Sum(X[i, j]*w[j], j)
 * grad_w[j] = 2*Sum((-y[i] + yhat[i])*X[i, j], i)/n
 * -> grad_w
 *
 * Arrays are dense and row-major.
 * Compiled with -fopenmp-simd, sums and the like take several numbers at a time.
 */
#include <math.h>
#include <stddef.h>
#ifdef __GNUC__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunknown-pragmas"
#endif

void mse_grad(ptrdiff_t n, ptrdiff_t d, const double *restrict X, const double *restrict w,
              const double *restrict y, double *restrict grad_w)
{
    for (ptrdiff_t k = 0; k < d; ++k) {
        grad_w[k] = 0.0;
    }
    for (ptrdiff_t i = 0; i < n; ++i) {
        double yhat = 0.0;
        #pragma omp simd reduction(+:yhat)
        for (ptrdiff_t j = 0; j < d; ++j) {
            yhat += w[j]*X[i*d + j];
        }
        for (ptrdiff_t k = 0; k < d; ++k) {
            grad_w[k] += 2.0/(double)n*(yhat - y[i])*X[i*d + k];
        }
    }
}
#ifdef __GNUC__
#pragma GCC diagnostic pop
#endif
