// The kernels of steps that run plans of their own: Iterate, IterateGrad (runtime/base/iteration.h)
// and Branch. They work in the host's memory, on plain tensors.
#pragma once

#include <memory>

#include "runtime/backend/kernel.h"
#include "runtime/base/iteration.h"
#include "runtime/exec/body_run.h"

namespace temper {

// The tape of an Iterate node is in the state of its kernel; the opaque output holds where. It
// grows with the steps of the longest run so far.
std::unique_ptr<Kernel> make_iterate_kernel(const OpQuery& query, BodyPlan body);
std::unique_ptr<Kernel> make_iterate_gradient_kernel(const OpQuery& query, BodyPlan body);
// Of inputs 1 and on, the first body runs where the bool at input 0 is true, the second otherwise.
std::unique_ptr<Kernel> make_branch_kernel(const OpQuery& query, BodyPlan on_true,
                                           BodyPlan on_false);

}  // namespace temper
