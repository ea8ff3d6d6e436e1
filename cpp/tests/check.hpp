// A minimal checker for the C++ tests: CASE("name") { CHECK(...); CHECK_NEAR(a, b, tol); } and a main that counts.
#pragma once

#include <cmath>
#include <cstdio>
#include <vector>

namespace check {

struct Case {
    const char* name;
    void (*run)();
};

inline std::vector<Case>& cases() {
    static std::vector<Case> all;
    return all;
}

inline int& failures() {
    static int n = 0;
    return n;
}

struct Register {
    Register(const char* name, void (*run)()) { cases().push_back({name, run}); }
};

inline void that(bool ok, const char* what, const char* file, int line) {
    if (!ok) {
        ++failures();
        std::printf("%s:%d: failed: %s\n", file, line, what);
    }
}

inline void near(double a, double b, double tol, const char* what, const char* file, int line) {
    if (!(std::fabs(a - b) <= tol)) {
        ++failures();
        std::printf("%s:%d: failed: %s: %.17g against %.17g, allowed %.3g\n", file, line, what, a, b, tol);
    }
}

}  // namespace check

#define KRISS_CAT2(a, b) a##b
#define KRISS_CAT(a, b) KRISS_CAT2(a, b)
#define KRISS_CASE(title)                                                                                              \
    static void KRISS_CAT(case_, __LINE__)();                                                                          \
    static const check::Register KRISS_CAT(reg_, __LINE__)(title, &KRISS_CAT(case_, __LINE__));                        \
    static void KRISS_CAT(case_, __LINE__)()
#define KRISS_CHECK(expr) check::that((expr), #expr, __FILE__, __LINE__)
#define KRISS_NEAR(a, b, tol) check::near((a), (b), (tol), #a " ~ " #b, __FILE__, __LINE__)

int main() {
    int failed = 0;
    for (const auto& c : check::cases()) {
        const int before = check::failures();
        c.run();
        if (check::failures() != before) {
            ++failed;
            std::printf("FAILED %s\n", c.name);
        }
    }
    const int total = static_cast<int>(check::cases().size());
    std::printf("%d passed, %d failed\n", total - failed, failed);
    return failed == 0 && total > 0 ? 0 : 1;
}
