// Processors other than x86: the plain loops.
#include "backends/cpu/panel_kernels.h"

namespace temper::cpu {

const PanelKernels* panel_kernels_x86() { return nullptr; }

}  // namespace temper::cpu
