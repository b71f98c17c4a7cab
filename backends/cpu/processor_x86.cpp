// By the vendor's name.
#include "backends/cpu/processor.h"

namespace temper::cpu {

bool halves_bfloat16_products() { return __builtin_cpu_is("intel") != 0; }

}  // namespace temper::cpu
