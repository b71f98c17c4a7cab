// A build without a math library: own kernels alone.
#include "backends/cpu/library.h"
#include "backends/cpu/panel_product.h"
#include "runtime/base/concat.h"

namespace temper::cpu {

std::string library_fingerprint() { return concat("own ", panel_instructions()); }

bool has_bfloat16_products() { return false; }
bool has_fast_bfloat16_products() { return false; }

std::int64_t register_channels() { return panel_width() / 2; }

}  // namespace temper::cpu
