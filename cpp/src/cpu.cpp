#include "cpu.hpp"

#include <cstdlib>
#include <cstring>

namespace kriss {
namespace {

#if defined(KRISS_HAVE_X86_LEVELS)
CpuLevel detect() {
    __builtin_cpu_init();
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
    const bool v3 = __builtin_cpu_supports("x86-64-v3");
    const bool v4 = __builtin_cpu_supports("x86-64-v4");
#else
    const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
    const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                    __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                    __builtin_cpu_supports("avx512cd");
#endif
    return v4 ? CpuLevel::v4 : v3 ? CpuLevel::v3 : CpuLevel::v2;
}
#else
CpuLevel detect() { return CpuLevel::base; }
#endif

struct Choice {
    CpuLevel level;
    std::string reason;
};

Choice choose() {
    const CpuLevel best = detect();
    const char* asked = std::getenv("KRISS_CPU");
    if (asked == nullptr || *asked == '\0') {
        return {best, "detected"};
    }
    CpuLevel level = best;
    if (std::strcmp(asked, "v2") == 0) {
        level = CpuLevel::v2;
    } else if (std::strcmp(asked, "v3") == 0) {
        level = CpuLevel::v3;
    } else if (std::strcmp(asked, "v4") == 0) {
        level = CpuLevel::v4;
    } else {
        return {best, std::string("detected; KRISS_CPU=") + asked + " is not one of v2, v3, v4"};
    }
    if (best == CpuLevel::base) {
        return {best, std::string("detected; KRISS_CPU=") + asked + " needs an x86-64 build"};
    }
    // Never run instructions that the processor lacks.
    if (static_cast<int>(level) > static_cast<int>(best)) {
        return {best, std::string("detected; this processor cannot run KRISS_CPU=") + asked};
    }
    return {level, std::string("KRISS_CPU=") + asked};
}

const Choice& choice() {
    static const Choice c = choose();
    return c;
}

}  // namespace

CpuLevel cpu_level() { return choice().level; }

const char* cpu_level_name() {
    switch (cpu_level()) {
        case CpuLevel::v4: return "v4";
        case CpuLevel::v3: return "v3";
        case CpuLevel::v2: return "v2";
        default: return "base";
    }
}

std::string cpu_level_reason() { return choice().reason; }

std::string cpu_levels_built() {
#if defined(KRISS_HAVE_X86_LEVELS)
    return "v2 v3 v4";
#else
    return "base";
#endif
}

}  // namespace kriss
