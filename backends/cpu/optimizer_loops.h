// The optimizers' updates over contiguous f32 memory in AVX-512, AVX2 and plain x86-64 form, chosen
// at run time. All forms do the same operations on each element.
#pragma once

#include "backends/common/optimizers/adafactor.h"
#include "backends/common/optimizers/adam.h"
#include "backends/common/optimizers/adam_variants.h"
#include "backends/common/optimizers/adaptive.h"
#include "backends/common/optimizers/average.h"
#include "backends/common/optimizers/rmsprop.h"
#include "backends/common/optimizers/sgd.h"
#include "backends/common/optimizers/trust_ratio.h"

namespace temper::cpu {

using FloatSlice = UpdateSlice<float>;

void update_loop(const SgdUpdate<float>& update, const FloatSlice& slice);
void update_loop(const SgdMomentumUpdate<float>& update, const FloatSlice& slice);
void update_loop(const AdamUpdate<float>& update, const FloatSlice& slice);
void update_loop(const AdamAmsgradUpdate<float>& update, const FloatSlice& slice);
void update_loop(const RmspropUpdate<float>& update, const FloatSlice& slice);
void update_loop(const RmspropMomentumUpdate<float>& update, const FloatSlice& slice);
void update_loop(const RmspropCenteredUpdate<float>& update, const FloatSlice& slice);
void update_loop(const RmspropCenteredMomentumUpdate<float>& update, const FloatSlice& slice);
void update_loop(const RadamUpdate<float>& update, const FloatSlice& slice);
void update_loop(const NadamUpdate<float>& update, const FloatSlice& slice);
void update_loop(const AdamaxUpdate<float>& update, const FloatSlice& slice);
void update_loop(const AdagradUpdate<float>& update, const FloatSlice& slice);
void update_loop(const AdadeltaUpdate<float>& update, const FloatSlice& slice);
void update_loop(const LionUpdate<float>& update, const FloatSlice& slice);
void update_loop(const LambUpdate<float>& update, const FloatSlice& slice);
void update_loop(const LarsUpdate<float>& update, const FloatSlice& slice);
void update_loop(const AdafactorVectorUpdate<float>& update, const FloatSlice& slice);
void update_loop(const AverageUpdate<float>& update, const FloatSlice& slice);

// The first pass of those that need a tensor's norms.
UpdateSums measure_loop(const LambUpdate<float>& update, const FloatSlice& slice);
UpdateSums measure_loop(const LarsUpdate<float>& update, const FloatSlice& slice);
UpdateSums measure_loop(const AdafactorVectorUpdate<float>& update, const FloatSlice& slice);

}  // namespace temper::cpu
