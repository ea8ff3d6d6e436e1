// The small dense problem of deflated restarts: which directions of a space to keep.
#pragma once

#include "kriss/config.hpp"
#include "kriss/solve/scalar.hpp"

namespace kriss {

// B V = W G for an operator B, W with q orthonormal columns, V with p <= q columns of norm 1.
//
// Takes the harmonic Ritz vectors V g of B with the k values of smallest modulus: G^H G g = theta G^H (W^H V) g. (R. B.
// Morgan, "GMRES with deflated restarting", SIAM J. Sci. Comput. 24 (2002), section 2.) With G = Q R this is solved as
// R^-1 Q^H (W^H V) g = g / theta, which does not square the condition of G. Of a real problem the real and imaginary
// parts of a pair are kept together. W is double or Cplx<double>.
//
// g: (q, p), s = W^H V: (q, p), column-major.
// directions: (p, k), images: (q, k), column-major: G directions = images, with orthonormal columns.
// eps: of the precision that G was computed in. Returns how many were kept, at most k; 0 if G is not finite.
template <class W>
int harmonic_directions(int q, int p, int k, double eps, const W* g, const W* s, W* directions, W* images);

}  // namespace kriss
