// What depends on the kind of processor Temper is built for, beside files named _x86 and
// _elsewhere.
#pragma once

// TEMPER_CLONES in front of a function: on x86 it is compiled once for each level named, and the
// processor's is taken when the program starts. Elsewhere it is an ordinary function. Neither
// changes a result.
#if defined(__x86_64__)
#define TEMPER_CLONES(...) [[gnu::target_clones(__VA_ARGS__)]]
#else
#define TEMPER_CLONES(...)
#endif

namespace temper::cpu {

#if defined(__x86_64__)
inline constexpr bool kX86 = true;
#else
inline constexpr bool kX86 = false;
#endif

}  // namespace temper::cpu
