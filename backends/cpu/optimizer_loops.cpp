#include "backends/cpu/optimizer_loops.h"

#include "backends/cpu/instruction_sets.h"

// target_clones makes one copy per instruction set; the arithmetic is inlined into each.
namespace temper::cpu {

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void update_loop(const SgdUpdate<float>& update, const FloatSlice& slice) {
  update_each(update, slice);
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void update_loop(const SgdMomentumUpdate<float>& update, const FloatSlice& slice) {
  update_each(update, slice);
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void update_loop(const AdamUpdate<float>& update, const FloatSlice& slice) {
  update_each(update, slice);
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void update_loop(const AdamAmsgradUpdate<float>& update, const FloatSlice& slice) {
  update_each(update, slice);
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void update_loop(const RmspropUpdate<float>& update, const FloatSlice& slice) {
  update_each(update, slice);
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void update_loop(const RmspropMomentumUpdate<float>& update, const FloatSlice& slice) {
  update_each(update, slice);
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void update_loop(const RmspropCenteredUpdate<float>& update, const FloatSlice& slice) {
  update_each(update, slice);
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void update_loop(const RmspropCenteredMomentumUpdate<float>& update, const FloatSlice& slice) {
  update_each(update, slice);
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void update_loop(const RadamUpdate<float>& update, const FloatSlice& slice) {
  update_each(update, slice);
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void update_loop(const NadamUpdate<float>& update, const FloatSlice& slice) {
  update_each(update, slice);
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void update_loop(const AdamaxUpdate<float>& update, const FloatSlice& slice) {
  update_each(update, slice);
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void update_loop(const AdagradUpdate<float>& update, const FloatSlice& slice) {
  update_each(update, slice);
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void update_loop(const AdadeltaUpdate<float>& update, const FloatSlice& slice) {
  update_each(update, slice);
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void update_loop(const LionUpdate<float>& update, const FloatSlice& slice) {
  update_each(update, slice);
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void update_loop(const LambUpdate<float>& update, const FloatSlice& slice) {
  update_each(update, slice);
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void update_loop(const LarsUpdate<float>& update, const FloatSlice& slice) {
  update_each(update, slice);
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void update_loop(const AdafactorVectorUpdate<float>& update, const FloatSlice& slice) {
  update_each(update, slice);
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void update_loop(const AverageUpdate<float>& update, const FloatSlice& slice) {
  update_each(update, slice);
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
UpdateSums measure_loop(const LambUpdate<float>& update, const FloatSlice& slice) {
  return measure_each(update, slice);
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
UpdateSums measure_loop(const LarsUpdate<float>& update, const FloatSlice& slice) {
  return measure_each(update, slice);
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
UpdateSums measure_loop(const AdafactorVectorUpdate<float>& update, const FloatSlice& slice) {
  return measure_each(update, slice);
}

}  // namespace temper::cpu
