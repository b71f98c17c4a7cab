// No other processor is known to.
#include "backends/cpu/processor.h"

namespace temper::cpu {

bool halves_bfloat16_products() { return false; }

}  // namespace temper::cpu
