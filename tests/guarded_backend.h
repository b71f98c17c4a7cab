// A device for tests whose memory the host cannot touch: one mapping without access, which opens
// only while one of its own kernels or copies runs, so that a host access anybody forgot ends the
// program. Its stream works late: what is queued is done when somebody waits, so that a read that
// forgot to wait sees what was there before. A kernel that is given an address outside the device's
// buffers, such as one that was freed, is refused. Kernels are those of another backend.
#pragma once

#include <memory>

#include "runtime/backend/backend.h"

namespace temper::test {

// `inner` runs on the host. `capacity`: bytes of addresses, which are given out once.
std::unique_ptr<Backend> make_guarded_backend(std::unique_ptr<Backend> inner,
                                              std::size_t capacity = std::size_t{1} << 34);

}  // namespace temper::test
