// Several processes or threads that train one model together, each on a device of its own: the
// ranks. What they exchange in a step (sums over all ranks) is queued on a stream like a kernel;
// what the hosts exchange between steps comes at once. Every rank makes the same calls in the same
// order. Threading: a rank's calls come from one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/backend/kernel.h"
#include "runtime/base/dtype.h"

namespace temper {

class Communicator {
 public:
  // Elements that lie one behind the other, on every rank as many. `to` may be `from`.
  struct Part {
    const void* from = nullptr;
    void* to = nullptr;
    DType dtype = DType::kUndefined;  // f32, f64 or i64
    std::int64_t count = 0;
  };

  virtual ~Communicator() = default;
  Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  // Puts the sums over the ranks in the place of the parts, on each rank the same bits, which do
  // not depend on who comes first. Queued on the stream (null: done on the calling thread), and
  // part of what it records; allocates nothing a capture refuses. THROWS, then or when the stream
  // is waited for: kDistributed when a rank was lost or sums something else.
  virtual void all_reduce(std::span<const Part> parts, Stream* stream) = 0;

  // Of the hosts. THROWS: kDistributed as above.
  // What each rank gave, in their order.
  virtual std::vector<std::uint64_t> gather(std::uint64_t value) = 0;
  // Puts rank 0's bytes in the place of the others'.
  virtual void broadcast(std::span<std::byte> bytes) = 0;
};

// Whether sums are to be taken at all.
inline bool has_peers(const Communicator* ranks) { return ranks != nullptr && ranks->size() > 1; }

// A rank without others.
class SelfCommunicator final : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  void all_reduce(std::span<const Part> parts, Stream* stream) override;
  std::vector<std::uint64_t> gather(std::uint64_t value) override { return {value}; }
  void broadcast(std::span<std::byte>) override {}
};

// THROWS: kDistributed unless all ranks gave the same, saying what differs.
void require_agreement(Communicator& ranks, std::uint64_t value, std::string_view what);

// The kernel of a node whose outputs are the sums of its inputs over the ranks. What lies one
// behind the other in memory is one part. `ranks` outlives it.
std::unique_ptr<Kernel> make_all_reduce_kernel(const OpQuery& query, Communicator& ranks);

}  // namespace temper
