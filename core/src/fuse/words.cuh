// What kernels are written in on a card: the words of the formula language, and noise, with the bits that the CPU gives (rng/math.rs,
// rng/philox.rs, rng/law.rs; the sources of constants and methods stand there).

typedef unsigned int u32;
typedef unsigned long long u64;

#define INLINE __device__ __forceinline__

// Bits.

INLINE u32 bits_of(float x) { return __float_as_uint(x); }
INLINE float float_of(u32 bits) { return __uint_as_float(bits); }
INLINE u64 bits_of(double x) { return (u64)__double_as_longlong(x); }
INLINE double float_of(u64 bits) { return __longlong_as_double((long long)bits); }

// Elementary functions.

INLINE float ln_scaled(float x, int scale) {
    u32 above = bits_of(x) - 0x3F3504F3u;
    float e = (float)(((int)above >> 23) - scale);
    float m = float_of((above & 0x007FFFFFu) + 0x3F3504F3u) - 1.0f;
    float z = m * m;
    float p = 7.0376836e-2f;
    p = p * m - 1.151461e-1f;
    p = p * m + 1.1676999e-1f;
    p = p * m - 1.2420141e-1f;
    p = p * m + 1.4249323e-1f;
    p = p * m - 1.6668058e-1f;
    p = p * m + 2.0000715e-1f;
    p = p * m - 2.4999994e-1f;
    p = p * m + 3.3333331e-1f;
    float tail = p * m * z + e * -2.1219444e-4f - 0.5f * z;
    return m + tail + e * 0.6933594f;
}

INLINE double ln_scaled(double x, int scale) {
    const u64 sqrt_half = 0x3FE6A09E667F3BCDull, one = 0x3FF0000000000000ull;
    u64 above = bits_of(x) - sqrt_half + one;
    double e = float_of(above >> 52 | 0x4330000000000000ull) - (4503599627370496.0 + 1023.0 + (double)scale);
    double f = float_of((above & 0x000FFFFFFFFFFFFFull) + sqrt_half) - 1.0;
    double s = f / (2.0 + f);
    double z = s * s;
    double p = 1.4798198605116586e-1;
    p = p * z + 1.5313837699209373e-1;
    p = p * z + 1.818357216161805e-1;
    p = p * z + 2.2222198432149784e-1;
    p = p * z + 2.857142874366239e-1;
    p = p * z + 3.999999999940942e-1;
    p = p * z + 6.666666666666735e-1;
    double half = 0.5 * f * f;
    return e * 6.931471803691238e-1 - ((half - (s * (half + p * z) + e * 1.9082149292705877e-10)) - f);
}

INLINE float minus_two_ln_scaled(float x, int scale) {
    u32 above = bits_of(x) - 0x3F3504F3u;
    float e = (float)(((int)above >> 23) - scale);
    float m = float_of((above & 0x007FFFFFu) + 0x3F3504F3u) - 1.0f;
    float z = m * m;
    float even = ((((-1.4075367e-1f * z - 2.3353997e-1f) * z - 2.8498647e-1f) * z - 4.000143e-1f) * z - 6.6666663e-1f) * z - 2.0f;
    float odd = (((2.302922e-1f * z + 2.4840282e-1f) * z + 3.3336115e-1f) * z + 4.999999e-1f) * z + 1.0f;
    return (even + m * odd) * m + e * -1.3862944f;
}

INLINE void cos_sin(float x, float* cosine, float* sine) {
    float z = x * x;
    *sine = ((-1.9515296e-4f * z + 8.332161e-3f) * z - 1.6666655e-1f) * z * x + x;
    *cosine = (((2.4433157e-5f * z - 1.3887316e-3f) * z + 4.1666646e-2f) * z - 0.5f) * z + 1.0f;
}

INLINE void cos_sin(double x, double* cosine, double* sine) {
    double z = x * x;
    double s = 1.58969099521155e-10;
    s = s * z - 2.5050760253406863e-8;
    s = s * z + 2.7557313707070068e-6;
    s = s * z - 1.984126982985795e-4;
    s = s * z + 8.33333333332249e-3;
    s = s * z - 1.6666666666666632e-1;
    double c = -1.1359647557788195e-11;
    c = c * z + 2.087572321298175e-9;
    c = c * z - 2.7557314351390663e-7;
    c = c * z + 2.480158728947673e-5;
    c = c * z - 1.388888888887411e-3;
    c = c * z + 4.16666666666666e-2;
    *cosine = 1.0 - (0.5 * z - z * z * c);
    *sine = x + x * z * s;
}

INLINE float power_of_two(int n) { return float_of((u32)(n + 127) << 23); }

INLINE float word_exp(float x) {
    const float round = 12582912.0f; // 1.5 * 2^23
    x = x > 89.0f ? 89.0f : x;
    x = x < -104.0f ? -104.0f : x;
    float rounded = x * 1.44269504f + round;
    float n = rounded - round;
    float r = x - n * 0.6933594f - n * -2.1219444e-4f;
    float p = 1.9875691e-4f;
    p = p * r + 1.3982e-3f;
    p = p * r + 8.333452e-3f;
    p = p * r + 4.1665796e-2f;
    p = p * r + 1.6666665e-1f;
    p = p * r + 5.0000001e-1f;
    float y = p * (r * r) + r + 1.0f;
    int whole = (int)(bits_of(rounded) - bits_of(round)), half = whole >> 1;
    return y * power_of_two(half) * power_of_two(whole - half);
}

// 2^(n - 1024).
INLINE double shifted_power_of_two(u64 n) { return float_of((n - 1) << 52); }

INLINE double word_exp(double x) {
    const double round = 6755399441055744.0; // 1.5 * 2^52
    x = x > 710.0 ? 710.0 : x;
    x = x < -746.0 ? -746.0 : x;
    double rounded = x * 1.4426950408889634 + round;
    double n = rounded - round;
    double r = x - n * 6.93145751953125e-1 - n * 1.4286068203094172e-6;
    double z = r * r;
    double p = r * ((1.2617719307481059e-4 * z + 3.0299440770744196e-2) * z + 1.0);
    double q = ((3.0019850513866446e-6 * z + 2.524483403496841e-3) * z + 2.27265548208155e-1) * z + 2.0;
    double y = 1.0 + 2.0 * (p / (q - p));
    u64 whole = bits_of(rounded) - bits_of(round) + 2048, half = whole >> 1;
    return y * shifted_power_of_two(half) * shifted_power_of_two(whole - half);
}

INLINE float least_normal(float) { return 1.17549435e-38f; }
INLINE double least_normal(double) { return 2.2250738585072014e-308; }
INLINE float lift(float) { return 33554432.0f; }
INLINE double lift(double) { return 18014398509481984.0; }
INLINE float ln_lift(float) { return 25.0f * 0.693147182f; }
INLINE double ln_lift(double) { return 54.0 * 0.6931471805599453; }
INLINE float infinity(float) { return float_of(0x7F800000u); }
INLINE double infinity(double) { return float_of(0x7FF0000000000000ull); }
INLINE double nan_of(double) { return float_of(0x7FF8000000000000ull); }
INLINE float nan_of(float) { return float_of(0x7FC00000u); }

template <class T> INLINE T word_ln(T x) {
    bool tiny = x < least_normal(x);
    T lifted = tiny ? x * lift(x) : x, shift = tiny ? ln_lift(x) : (T)0;
    T y = ln_scaled(lifted, 0) - shift;
    y = x == (T)0 ? -infinity(x) : y;
    y = x < (T)0 ? nan_of(x) : y;
    return x < infinity(x) ? y : x;
}

INLINE float tanh_small(float x) {
    float z = x * x;
    float p = -5.7049887e-3f;
    p = p * z + 2.0639089e-2f;
    p = p * z - 5.3739715e-2f;
    p = p * z + 1.3331442e-1f;
    p = p * z - 3.3333282e-1f;
    return p * z * x + x;
}

INLINE double tanh_small(double x) {
    double z = x * x;
    double p = (-9.643991794250523e-1 * z - 9.928772310019185e1) * z - 1.6146876844170845e3;
    double q = ((z + 1.1281167849163293e2) * z + 2.2354883904010046e3) * z + 4.844063053251255e3;
    return x + x * z * (p / q);
}

INLINE float word_abs(float x) { return float_of(bits_of(x) & 0x7FFFFFFFu); }
INLINE double word_abs(double x) { return float_of(bits_of(x) & 0x7FFFFFFFFFFFFFFFull); }
INLINE float with_sign(float x, float of) { return float_of((bits_of(x) & 0x7FFFFFFFu) | (bits_of(of) & 0x80000000u)); }
INLINE double with_sign(double x, double of) {
    return float_of((bits_of(x) & 0x7FFFFFFFFFFFFFFFull) | (bits_of(of) & 0x8000000000000000ull));
}

template <class T> INLINE T word_tanh(T x) {
    T size = word_abs(x), far = with_sign((T)1 - (T)2 / (word_exp(size + size) + (T)1), x);
    return size < (T)0.625 ? tanh_small(x) : far;
}

INLINE float word_sqrt(float x) { return __fsqrt_rn(x); }
INLINE double word_sqrt(double x) { return __dsqrt_rn(x); }
INLINE float word_round(float x) { return roundf(x); }
INLINE double word_round(double x) { return round(x); }
INLINE float word_floor(float x) { return floorf(x); }
INLINE double word_floor(double x) { return floor(x); }
template <class T> INLINE T word_square(T x) { return x * x; }
template <class T> INLINE T word_min(T a, T b) { return b < a ? b : a; }
template <class T> INLINE T word_max(T a, T b) { return b > a ? b : a; }
template <class T> INLINE T word_clamp(T x, T low, T high) { return word_min(word_max(x, low), high); }
template <class T> INLINE T word_select(bool condition, T a, T b) { return condition ? a : b; }
template <class T> INLINE T word_signum(T x) { return x > (T)0 ? (T)1 : x < (T)0 ? (T)-1 : x; }

// Noise: Philox4x32-10, and laws over blocks of 128 elements.

enum Domain { SIGN = 3, UNIFORM_F32 = 4, UNIFORM_F64 = 5, NORMAL_F32 = 6, NORMAL_F64 = 7 };

struct Words { u32 w[4]; };

INLINE Words philox(u64 call, u32 domain, u64 key) {
    u32 a = (u32)call, b = (u32)(call >> 32), c = domain, d = 0, k0 = (u32)key, k1 = (u32)(key >> 32);
#pragma unroll
    for (int round = 0; round < 10; ++round) {
        u64 p = (u64)a * 0xD2511F53u, q = (u64)c * 0xCD9E8D57u;
        u32 na = (u32)(q >> 32) ^ b ^ k0, nc = (u32)(p >> 32) ^ d ^ k1;
        b = (u32)q;
        d = (u32)p;
        a = na;
        c = nc;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return Words{{a, b, c, d}};
}

INLINE u64 joined(u32 low, u32 high) { return (u64)low | (u64)high << 32; }

// Elements lane, lane + 32, lane + 64, lane + 96 of a block.

INLINE void draw_sign(u64 key, u64 block, u64 lane, float* out) {
    Words words = philox(block, SIGN, key);
    for (int k = 0; k < 4; ++k) out[k] = words.w[k] >> lane & 1 ? -1.0f : 1.0f;
}

INLINE void draw_sign(u64 key, u64 block, u64 lane, double* out) {
    Words words = philox(block, SIGN, key);
    for (int k = 0; k < 4; ++k) out[k] = words.w[k] >> lane & 1 ? -1.0 : 1.0;
}

INLINE void draw_uniform(u64 key, u64 block, u64 lane, float* out) {
    Words words = philox(32 * block + lane, UNIFORM_F32, key);
    for (int k = 0; k < 4; ++k) out[k] = (float)(int)(words.w[k] >> 8) * (1.0f / 16777216.0f);
}

INLINE double unit(u64 bits) { return (double)(bits >> 11) * (1.0 / 9007199254740992.0); }

INLINE void draw_uniform(u64 key, u64 block, u64 lane, double* out) {
    for (int half = 0; half < 2; ++half) {
        Words words = philox(64 * block + 32 * half + lane, UNIFORM_F64, key);
        out[half] = unit(joined(words.w[0], words.w[1]));
        out[half + 2] = unit(joined(words.w[2], words.w[3]));
    }
}

INLINE void normal_pair(u32 radius, u32 angle, float* first, float* second) {
    float u = (float)(int)((radius >> 1) | 1);
    float r = word_sqrt(minus_two_ln_scaled(u, 31));
    float t = (float)(int)(angle << 2) * (0.785398163f / 2147483648.0f);
    float cosine, sine;
    cos_sin(t, &cosine, &sine);
    cosine = float_of(bits_of(cosine) ^ (angle & 0x80000000u));
    bool swapped = (int)(angle << 1) < 0;
    *first = r * (swapped ? sine : cosine);
    *second = r * (swapped ? cosine : sine);
}

INLINE void normal_pair(u64 radius, u64 angle, double* first, double* second) {
    double u = (double)((radius >> 11) + 1);
    double r = word_sqrt(-2.0 * ln_scaled(u, 53));
    double place = float_of((angle << 2) >> 12 | 0x3FF0000000000000ull) - 1.5;
    double cosine, sine;
    cos_sin(place * 1.5707963267948966, &cosine, &sine);
    cosine = float_of(bits_of(cosine) ^ (angle & 0x8000000000000000ull));
    bool swapped = (angle & 0x4000000000000000ull) != 0;
    *first = r * (swapped ? sine : cosine);
    *second = r * (swapped ? cosine : sine);
}

INLINE void draw_normal(u64 key, u64 block, u64 lane, float* out) {
    Words words = philox(32 * block + lane, NORMAL_F32, key);
    for (int pair = 0; pair < 2; ++pair) normal_pair(words.w[2 * pair], words.w[2 * pair + 1], out + 2 * pair, out + 2 * pair + 1);
}

INLINE void draw_normal(u64 key, u64 block, u64 lane, double* out) {
    for (int half = 0; half < 2; ++half) {
        Words words = philox(64 * block + 32 * half + lane, NORMAL_F64, key);
        normal_pair(joined(words.w[0], words.w[1]), joined(words.w[2], words.w[3]), out + half, out + half + 2);
    }
}
