// A card on a host: what kernels call of CUDA, in C++, and one thread that is all of them in turn.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#define __device__
#define __global__
#define __forceinline__ inline

struct Dimensions {
    unsigned x = 1, y = 1, z = 1;
};
static Dimensions gridDim, blockDim, blockIdx, threadIdx;

template <class To, class From> static inline To same_bits(From from) {
    static_assert(sizeof(To) == sizeof(From), "bits of one are not those of the other");
    To to;
    std::memcpy(&to, &from, sizeof to);
    return to;
}

static inline unsigned __float_as_uint(float x) { return same_bits<unsigned>(x); }
static inline float __uint_as_float(unsigned x) { return same_bits<float>(x); }
static inline long long __double_as_longlong(double x) { return same_bits<long long>(x); }
static inline double __longlong_as_double(long long x) { return same_bits<double>(x); }
static inline float __fsqrt_rn(float x) { return std::sqrt(x); }
static inline double __dsqrt_rn(double x) { return std::sqrt(x); }

// Runs `kernel` for every thread of a grid.
template <class Kernel> static void launch(unsigned blocks, unsigned threads, Kernel kernel) {
    gridDim.x = blocks;
    blockDim.x = threads;
    for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x)
        for (threadIdx.x = 0; threadIdx.x < threads; ++threadIdx.x) kernel();
}

template <class Number> static bool take(Number* to, size_t count) { return std::fread(to, sizeof(Number), count, stdin) == count; }

// Numbers that stand in the input behind how many they are.
template <class T> static std::vector<T> numbers() {
    uint64_t count = 0;
    take(&count, 1);
    std::vector<T> all(count);
    take(all.data(), count);
    return all;
}

template <class T> static void give(const std::vector<T>& all) { std::fwrite(all.data(), sizeof(T), all.size(), stdout); }

static uint64_t word() {
    uint64_t one = 0;
    take(&one, 1);
    return one;
}

static double number() { return same_bits<double>(word()); }
