// The reductions of fuse/reduce.rs on a card, in its order of summation: the bits are those of the CPU. After fuse/words.cuh.
//
// One thread a column, or sixteen a chunk of a dot product: no two of them wait for each other.

// out = sum_i weights_i rows_i: rows [n, d], out [d]. Rows of weight zero are not read.
template <class T> INLINE void weighted_sum(u64 n, u64 d, const T* rows, const double* weights, T* out) {
    for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < d; i += (u64)gridDim.x * blockDim.x) {
        T sum = 0;
        for (u64 row = 0; row < n; ++row) {
            if (weights[row] != 0.0) sum += (T)weights[row] * rows[row * d + i];
        }
        out[i] = sum;
    }
}

// first = sum_i w_i (x_i - c), second = sum_i w_i (x_i - c)^2: c [d], or null for zero.
template <class T>
INLINE void weighted_moments(u64 n, u64 d, const T* rows, const double* weights, const T* centre, T* first, T* second) {
    for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < d; i += (u64)gridDim.x * blockDim.x) {
        T one = 0, other = 0, origin = centre ? centre[i] : (T)0;
        for (u64 row = 0; row < n; ++row) {
            if (weights[row] == 0.0) continue;
            T apart = rows[row * d + i] - origin, weighted = (T)weights[row] * apart;
            one += weighted;
            other += weighted * apart;
        }
        if (first) first[i] = one;
        if (second) second[i] = other;
    }
}

// Elements of a dot product that are summed as one, and those that are summed side by side.
#define DOT_CHUNK 4096
#define DOT_LANES 16

template <class T> struct Product {
    static INLINE double of(T a, T b) { return (double)a * (double)b; }
};

template <class T> struct SquareApart {
    static INLINE double of(T a, T b) {
        double apart = (double)a - (double)b;
        return apart * apart;
    }
};

// lanes[c, l] = sum of the products of chunk c whose place in it is l modulo 16, but for a last run of less than 16, whose sum is lanes[c, 16]. A row of a
// [n, d] begins with a chunk; b is [n, d], or [d] for all rows.
template <class T, template <class> class Of>
INLINE void lanes_of_chunks(u64 n, u64 d, const T* a, const T* b, bool one_b, double* lanes) {
    u64 in_row = (d + DOT_CHUNK - 1) / DOT_CHUNK;
    for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < n * in_row * DOT_LANES; i += (u64)gridDim.x * blockDim.x) {
        u64 chunk = i / DOT_LANES, lane = i % DOT_LANES, row = chunk / in_row, first = chunk % in_row * DOT_CHUNK;
        u64 len = d - first < DOT_CHUNK ? d - first : DOT_CHUNK, whole = len / DOT_LANES * DOT_LANES;
        const T* x = a + row * d + first;
        const T* y = b + (one_b ? 0 : row * d) + first;
        double sum = 0;
        for (u64 k = lane; k < whole; k += DOT_LANES) sum += Of<T>::of(x[k], y[k]);
        lanes[chunk * (DOT_LANES + 1) + lane] = sum;
        if (lane == 0) {
            double tail = 0;
            for (u64 k = whole; k < len; ++k) tail += Of<T>::of(x[k], y[k]);
            lanes[chunk * (DOT_LANES + 1) + DOT_LANES] = tail;
        }
    }
}

// onto[row] = from[row] for the rows listed: both [.., d].
template <class T> INLINE void copy_rows(u64 count, u64 d, const u64* rows, const T* from, T* onto) {
    for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < count * d; i += (u64)gridDim.x * blockDim.x) {
        const u64 at = rows[i / d] * d + i % d;
        onto[at] = from[at];
    }
}

// out[j] = sum_i weights[j, i] rows_i: rows [n, d], weights [m, n], out [m, d]. Rows of weight zero are not read.
template <class T> INLINE void weighted_sums(u64 n, u64 m, u64 d, const T* rows, const double* weights, T* out) {
    for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < m * d; i += (u64)gridDim.x * blockDim.x) {
        const u64 list = i / d, column = i % d;
        T sum = 0;
        for (u64 row = 0; row < n; ++row) {
            const double weight = weights[list * n + row];
            if (weight != 0.0) sum += (T)weight * rows[row * d + column];
        }
        out[i] = sum;
    }
}

// Columns of a product of rows that are summed as one.
#define PRODUCT_CHUNK 1024

// out[i, j] = <a_i, b_j>: a [n, d], b [m, d].
template <class T> INLINE void products(u64 n, u64 m, u64 d, const T* a, const T* b, double* out) {
    for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < n * m; i += (u64)gridDim.x * blockDim.x) {
        const T* x = a + i / m * d;
        const T* y = b + i % m * d;
        double all = 0;
        for (u64 first = 0; first < d; first += PRODUCT_CHUNK) {
            const u64 last = d - first < PRODUCT_CHUNK ? d : first + PRODUCT_CHUNK, whole = first + (last - first) / DOT_LANES * DOT_LANES;
            double lanes[DOT_LANES] = {0}, sum = 0;
            for (u64 k = first; k < whole; k += DOT_LANES)
                for (int lane = 0; lane < DOT_LANES; ++lane) lanes[lane] += Product<T>::of(x[k + lane], y[k + lane]);
            for (u64 k = whole; k < last; ++k) sum += Product<T>::of(x[k], y[k]);
            for (int lane = 0; lane < DOT_LANES; ++lane) sum += lanes[lane];
            all += sum;
        }
        out[i] = all;
    }
}

#define REDUCTIONS(T, NAME)                                                                                                      \
    extern "C" __global__ void weighted_sum_##NAME(u64 n, u64 d, const T* rows, const double* weights, T* out) {                 \
        weighted_sum<T>(n, d, rows, weights, out);                                                                               \
    }                                                                                                                            \
    extern "C" __global__ void weighted_moments_##NAME(                                                                          \
        u64 n, u64 d, const T* rows, const double* weights, const T* centre, T* first, T* second) {                              \
        weighted_moments<T>(n, d, rows, weights, centre, first, second);                                                         \
    }                                                                                                                            \
    extern "C" __global__ void dot_lanes_##NAME(u64 n, const T* a, const T* b, double* lanes) {                                  \
        lanes_of_chunks<T, Product>(1, n, a, b, true, lanes);                                                                    \
    }                                                                                                                            \
    extern "C" __global__ void distance_lanes_##NAME(u64 n, u64 d, const T* rows, const T* to, u64 one, double* lanes) {         \
        lanes_of_chunks<T, SquareApart>(n, d, rows, to, one != 0, lanes);                                                        \
    }                                                                                                                            \
    extern "C" __global__ void copy_rows_##NAME(u64 count, u64 d, const u64* rows, const T* from, T* onto) {                     \
        copy_rows<T>(count, d, rows, from, onto);                                                                                \
    }                                                                                                                            \
    extern "C" __global__ void weighted_sums_##NAME(u64 n, u64 m, u64 d, const T* rows, const double* weights, T* out) {         \
        weighted_sums<T>(n, m, d, rows, weights, out);                                                                           \
    }                                                                                                                            \
    extern "C" __global__ void products_##NAME(u64 n, u64 m, u64 d, const T* a, const T* b, double* out) {                       \
        products<T>(n, m, d, a, b, out);                                                                                         \
    }

REDUCTIONS(float, f32)
REDUCTIONS(double, f64)

// sums[c] of the lanes of chunks: the last run first, as the CPU does.
extern "C" __global__ void sum_lanes_f64(u64 chunks, const double* lanes, double* sums) {
    for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < chunks; i += (u64)gridDim.x * blockDim.x) {
        const double* here = lanes + i * (DOT_LANES + 1);
        double sum = here[DOT_LANES];
        for (int lane = 0; lane < DOT_LANES; ++lane) sum += here[lane];
        sums[i] = sum;
    }
}
