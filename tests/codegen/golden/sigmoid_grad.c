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

void sigmoid_grad(double x, double *restrict grad_x)
{
    *grad_x = (x >= 0.0 ? 1.0 : exp(-fabs(x)))*(-x >= 0.0 ? 1.0 : exp(-fabs(x)))/((1.0 + exp(-fabs(x)))*(1.0 + exp(-fabs(x))));
}
