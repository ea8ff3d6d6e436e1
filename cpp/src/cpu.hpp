// Which instruction-set level runs. Hot kernels are compiled once per level (cpp/src/kernels/); the level is chosen
// once, from the processor's features or from KRISS_CPU.
#pragma once

#include <string>

#include "kriss/config.hpp"

namespace kriss {

enum class CpuLevel : int { base = 0, v2 = 2, v3 = 3, v4 = 4 };

CpuLevel cpu_level();            // the level in use; decided at the first call
const char* cpu_level_name();    // "v2", "v3", "v4" or "base"
std::string cpu_level_reason();  // "detected" or "KRISS_CPU=v3"
std::string cpu_levels_built();  // "v2 v3 v4"

}  // namespace kriss

// Declares the tables of one family, one per level (kriss::tables::<level>::name), and the accessor kriss::name() that
// picks among them. A table is a struct of function pointers with plain arguments, so it has one type at every level.
#if defined(KRISS_HAVE_X86_LEVELS)
#define KRISS_DECLARE_TABLE(Type, name)                                                                                \
    namespace kriss {                                                                                                  \
    namespace tables::v2 {                                                                                             \
    extern const Type name;                                                                                            \
    }                                                                                                                  \
    namespace tables::v3 {                                                                                             \
    extern const Type name;                                                                                            \
    }                                                                                                                  \
    namespace tables::v4 {                                                                                             \
    extern const Type name;                                                                                            \
    }                                                                                                                  \
    inline const Type& name() {                                                                                        \
        switch (cpu_level()) {                                                                                         \
            case CpuLevel::v4: return tables::v4::name;                                                                \
            case CpuLevel::v3: return tables::v3::name;                                                                \
            default: return tables::v2::name;                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    }
#else
#define KRISS_DECLARE_TABLE(Type, name)                                                                                \
    namespace kriss {                                                                                                  \
    namespace tables::base {                                                                                           \
    extern const Type name;                                                                                            \
    }                                                                                                                  \
    inline const Type& name() { return tables::base::name; }                                                           \
    }
#endif
