// BatchNorm statistics of the weights in the store from a pass over the training data.
#pragma once

#include "training/session/session.h"

namespace temper::training {

// torch.optim.swa_utils.update_bn: each statistic becomes the mean of those of all batches, in the
// data's order, Dropout dropping. A last batch of one row is left out, as it has no variance; with
// data.drop_last every short one. Nothing but statistics changes.
void update_batchnorm(Session& session);

}  // namespace temper::training
