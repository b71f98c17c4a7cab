// Every flat optimizer update with its forms, one per set of states: the list that the backends
// that run on the host make their kernels from.
#pragma once

#include "backends/common/optimizers/adafactor.h"
#include "backends/common/optimizers/adam.h"
#include "backends/common/optimizers/adam_variants.h"
#include "backends/common/optimizers/adaptive.h"
#include "backends/common/optimizers/average.h"
#include "backends/common/optimizers/rmsprop.h"
#include "backends/common/optimizers/sgd.h"
#include "backends/common/optimizers/trust_ratio.h"

namespace temper {

// Calls adder.add<Forms...>(op) for each.
template <class Adder>
void add_optimizer_updates(const Adder& adder) {
  adder.template add<SgdUpdate, SgdMomentumUpdate>("SgdUpdate");
  adder.template add<AdamUpdate, AdamAmsgradUpdate>("AdamUpdate");
  adder.template add<RmspropUpdate, RmspropMomentumUpdate, RmspropCenteredUpdate,
                     RmspropCenteredMomentumUpdate>("RmspropUpdate");
  adder.template add<RadamUpdate>("RadamUpdate");
  adder.template add<NadamUpdate>("NadamUpdate");
  adder.template add<AdamaxUpdate>("AdamaxUpdate");
  adder.template add<AdagradUpdate>("AdagradUpdate");
  adder.template add<AdadeltaUpdate>("AdadeltaUpdate");
  adder.template add<LionUpdate>("LionUpdate");
  adder.template add<LambUpdate>("LambUpdate");
  adder.template add<LarsUpdate>("LarsUpdate");
  adder.template add<AdafactorVectorUpdate>("AdafactorVectorUpdate");
  adder.template add<AverageUpdate>("AverageUpdate");
}

}  // namespace temper
