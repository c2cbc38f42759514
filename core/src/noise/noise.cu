// The laws of noise/sampler.rs whose elements are independent, on a card: the bits are those of the CPU. After fuse/words.cuh.
//
// A warp draws blocks of 128 elements, each thread four of them, 32 apart.

INLINE u64 fold(u64 key, u64 n) {
    Words words = philox(n, 1, key);
    return joined(words.w[0], words.w[1]);
}

struct Normal {
    template <class T> static INLINE void draw(u64 key, double, u64 block, u64 lane, T* out) { draw_normal(key, block, lane, out); }
};

struct Rademacher {
    template <class T> static INLINE void draw(u64 key, double, u64 block, u64 lane, T* out) { draw_sign(key, block, lane, out); }
};

// On [-sqrt 3, sqrt 3).
struct Uniform {
    template <class T> static INLINE void draw(u64 key, double, u64 block, u64 lane, T* out) {
        draw_uniform(key, block, lane, out);
        const T width = (T)word_sqrt(12.0);
        for (int k = 0; k < 4; ++k) out[k] = width * (out[k] - (T)0.5);
    }
};

struct Laplace {
    template <class T> static INLINE void draw(u64 key, double, u64 block, u64 lane, T* out) {
        T signs[4];
        draw_uniform(key, block, lane, out);
        draw_sign(key, block, lane, signs);
        for (int k = 0; k < 4; ++k) out[k] = word_ln((T)1 - out[k]) * (signs[k] * (T)-0.7071067811865476);
    }
};

// Bailey's z sqrt(dof (e^(r^2 / dof) - 1) / r^2); with one degree of freedom Cauchy's law.
struct Student {
    template <class T> static INLINE void draw(u64 key, double parameter, u64 block, u64 lane, T* out) {
        const T dof = (T)(parameter < 1.0 ? 1.0 : parameter);
        T beside[4];
        draw_normal(key, block, lane, out);
        draw_normal(fold(key, 0), block, lane, beside);
        for (int k = 0; k < 4; ++k) {
            T x = (out[k] * out[k] + beside[k] * beside[k]) / dof;
            T direct = (word_exp(x) - (T)1) / x;
            T near = (T)1 + x * ((T)0.5 + x * ((T)1 / (T)6 + x * ((T)1 / (T)24)));
            out[k] *= word_sqrt(x < (T)0.03 ? near : direct);
        }
    }
};

struct AsymmetricBernoulli {
    template <class T> static INLINE void draw(u64 key, double parameter, u64 block, u64 lane, T* out) {
        const double epsilon = parameter < 0.0 ? 0.0 : parameter, root = word_sqrt(1.0 + epsilon);
        const T share = (T)((1.0 + epsilon) / (2.0 + epsilon)), down = (T)(-1.0 / root), up = (T)root;
        draw_uniform(key, block, lane, out);
        for (int k = 0; k < 4; ++k) out[k] = out[k] < share ? down : up;
    }
};

// Four elements of the noise of a key, `deviation` [d] times those of its law, or null for one.
template <class T, class Law>
INLINE void drawn(u64 key, double parameter, u64 block, u64 lane, u64 d, const T* deviation, T* z) {
    Law::draw(key, parameter, block, lane, z);
    if (!deviation) return;
    for (int k = 0; k < 4; ++k) {
        const u64 i = block * 128 + lane + 32 * k;
        if (i < d) z[k] *= deviation[i];
    }
}

// out[row] = centre + scales[row] noise(keys[row]): centre [d], out [n, d]. Without a centre, the noise itself.
template <class T, class Law>
INLINE void perturb(
    u64 n, u64 d, const T* centre, const T* deviation, const u64* keys, const double* scales, double parameter, T* out) {
    const u64 warps = (u64)gridDim.x * (blockDim.x / 32), lane = threadIdx.x % 32, blocks = (d + 127) / 128;
    for (u64 at = ((u64)blockIdx.x * blockDim.x + threadIdx.x) / 32; at < n * blocks; at += warps) {
        const u64 row = at / blocks, block = at % blocks;
        const T scale = (T)scales[row];
        T z[4];
        drawn<T, Law>(keys[row], parameter, block, lane, d, deviation, z);
        for (int k = 0; k < 4; ++k) {
            const u64 i = block * 128 + lane + 32 * k;
            if (i < d) out[row * d + i] = centre ? centre[i] + scale * z[k] : z[k];
        }
    }
}

// onto += sum_k weights[k] noise(keys[k]), and squares += sum_k others[k] noise(keys[k])^2 where there are any, in this order: memory is read
// and written once, whatever the number of terms. onto [d] are the elements of the noise from `first` on.
template <class T, class Law>
INLINE void add_weighted(
    u64 terms, u64 first, u64 d, const T* deviation, const u64* keys, const double* weights, const double* others, double parameter,
    T* onto, T* squares) {
    const u64 warps = (u64)gridDim.x * (blockDim.x / 32), lane = threadIdx.x % 32, begin = first / 128;
    for (u64 block = begin + ((u64)blockIdx.x * blockDim.x + threadIdx.x) / 32; block * 128 < first + d; block += warps) {
        T sum[4] = {0, 0, 0, 0}, square[4] = {0, 0, 0, 0}, z[4];
        for (int k = 0; k < 4; ++k) {
            const u64 at = block * 128 + lane + 32 * k, i = at - first; // beyond d where it is before the first
            if (i < d) sum[k] = onto[i];
            if (i < d && squares) square[k] = squares[i];
        }
        for (u64 term = 0; term < terms; ++term) {
            const T weight = (T)weights[term], other = squares ? (T)others[term] : (T)0;
            drawn<T, Law>(keys[term], parameter, block, lane, d, deviation, z);
            for (int k = 0; k < 4; ++k) {
                sum[k] += weight * z[k];
                if (squares) square[k] += other * (z[k] * z[k]);
            }
        }
        for (int k = 0; k < 4; ++k) {
            const u64 at = block * 128 + lane + 32 * k, i = at - first;
            if (i < d) onto[i] = sum[k];
            if (i < d && squares) squares[i] = square[k];
        }
    }
}

#define NOISE(T, FLOAT, LAW, NAME)                                                                                               \
    extern "C" __global__ void perturb_##NAME##_##FLOAT(                                                                         \
        u64 n, u64 d, const T* centre, const T* deviation, const u64* keys, const double* scales, double parameter, T* out) {    \
        perturb<T, LAW>(n, d, centre, deviation, keys, scales, parameter, out);                                                  \
    }                                                                                                                            \
    extern "C" __global__ void add_weighted_##NAME##_##FLOAT(                                                                    \
        u64 terms, u64 first, u64 d, const T* deviation, const u64* keys, const double* weights, double parameter, T* onto) {    \
        add_weighted<T, LAW>(terms, first, d, deviation, keys, weights, nullptr, parameter, onto, nullptr);                             \
    }                                                                                                                            \
    extern "C" __global__ void add_moments_##NAME##_##FLOAT(                                                                     \
        u64 terms, u64 d, const T* deviation, const u64* keys, const double* weights, const double* others, double parameter,    \
        T* onto, T* squares) {                                                                                                   \
        add_weighted<T, LAW>(terms, 0, d, deviation, keys, weights, others, parameter, onto, squares);                              \
    }

#define LAWS(T, FLOAT)                                                                                                           \
    NOISE(T, FLOAT, Normal, normal)                                                                                              \
    NOISE(T, FLOAT, Rademacher, rademacher)                                                                                      \
    NOISE(T, FLOAT, Uniform, uniform)                                                                                            \
    NOISE(T, FLOAT, Laplace, laplace)                                                                                            \
    NOISE(T, FLOAT, Student, student)                                                                                            \
    NOISE(T, FLOAT, AsymmetricBernoulli, asymmetric_bernoulli)

LAWS(float, f32)
LAWS(double, f64)
