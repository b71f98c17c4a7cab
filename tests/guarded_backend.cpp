#include "tests/guarded_backend.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/memory/buffer.h"

namespace temper::test {
namespace {

// Work in order, done when somebody waits.
class LateStream final : public Stream {
 public:
  void queue(std::function<void()> work) {
    waiting_.push_back(std::move(work));
    ++queued_;
  }
  Mark mark() override { return queued_; }
  void wait(Mark mark) override {
    while (done_ < mark) {
      const std::function<void()> work = std::move(waiting_.front());
      waiting_.pop_front();
      ++done_;
      work();
    }
  }

 private:
  std::deque<std::function<void()>> waiting_;
  Mark queued_ = 0, done_ = 0;
};

LateStream& late(Stream& stream) { return dynamic_cast<LateStream&>(stream); }

class GuardedMemory final : public DeviceMemory {
 public:
  explicit GuardedMemory(std::size_t capacity) : capacity_(capacity) {
    void* mapped =
        mmap(nullptr, capacity, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    TEMPER_CHECK(mapped != MAP_FAILED, ErrorCode::kOutOfMemory, "no mapping of ", capacity);
    begin_ = static_cast<std::byte*>(mapped);
  }
  ~GuardedMemory() override { munmap(begin_, capacity_); }

  // While it lives, the memory is there.
  class Open {
   public:
    explicit Open(GuardedMemory& memory) : memory_(memory) { memory_.protect(1); }
    ~Open() { memory_.protect(-1); }
    Open(const Open&) = delete;
    Open& operator=(const Open&) = delete;

   private:
    GuardedMemory& memory_;
  };

  bool is_host() const override { return false; }

  // Addresses are never given out twice: whoever kept one of before is found out.
  std::byte* allocate(std::size_t bytes, const char* purpose) override {
    const std::size_t needed = rounded(bytes);
    TEMPER_CHECK(needed <= capacity_ - used_, ErrorCode::kOutOfMemory, "the guarded device has no ",
                 bytes, " bytes for ", purpose);
    std::byte* data = begin_ + used_;  // zeroed, as mappings are
    live_[used_] = needed;
    used_ += needed;
    return data;
  }
  void release(std::byte* data, std::size_t /*bytes*/) noexcept override {
    live_.erase(static_cast<std::size_t>(data - begin_));
  }

  void copy_in(std::byte* to, const void* from, std::size_t bytes, Stream& stream) override {
    const auto* begin = static_cast<const std::byte*>(from);
    std::vector<std::byte> staged(begin, begin + bytes);
    queue(stream, [this, to, staged = std::move(staged)] {
      require_live(to);
      copy(to, staged.data(), staged.size());
    });
  }
  void copy_out(void* to, const std::byte* from, std::size_t bytes, Stream& stream) override {
    queue(stream, [this, to, from, bytes] {
      require_live(from);
      copy(to, from, bytes);
    });
  }
  void copy_within(std::byte* to, const std::byte* from, std::size_t bytes,
                   Stream& stream) override {
    queue(stream, [this, to, from, bytes] {
      require_live(to);
      require_live(from);
      copy(to, from, bytes);
    });
  }
  void zero(std::byte* to, std::size_t bytes, Stream& stream) override {
    queue(stream, [this, to, bytes] {
      require_live(to);
      std::memset(to, 0, bytes);
    });
  }

  // THROWS: kInternal when no buffer of this memory holds the address.
  void require_live(const void* address) const {
    const auto* at = static_cast<const std::byte*>(address);
    const bool inside = at >= begin_ && at < begin_ + capacity_;
    const auto offset = inside ? static_cast<std::size_t>(at - begin_) : 0;
    auto it = live_.upper_bound(offset);
    TEMPER_ASSERT(
        inside && it != live_.begin() && offset < std::prev(it)->first + std::prev(it)->second,
        "a kernel or a copy was given an address that is in no buffer of its device");
  }

  void queue(Stream& stream, std::function<void()> work) {
    late(stream).queue([this, work = std::move(work)] {
      const Open open(*this);
      work();
    });
  }

 private:
  static std::size_t rounded(std::size_t bytes) {
    return (bytes + kBufferAlignment) / kBufferAlignment * kBufferAlignment;
  }
  static void copy(void* to, const void* from, std::size_t bytes) {
    if (bytes > 0) {
      std::memcpy(to, from, bytes);
    }
  }
  void protect(int change) {
    opened_ += change;
    if (opened_ == (change > 0 ? 1 : 0)) {
      constexpr std::size_t kPage = 4096;
      const std::size_t bytes = (used_ + kPage - 1) / kPage * kPage;
      const int access = change > 0 ? PROT_READ | PROT_WRITE : PROT_NONE;
      TEMPER_ASSERT(mprotect(begin_, bytes, access) == 0, "mprotect");
    }
  }

  std::size_t capacity_;
  std::byte* begin_ = nullptr;
  std::size_t used_ = 0;
  int opened_ = 0;
  std::map<std::size_t, std::size_t> live_;  // offset to size
};

class GuardedKernel final : public Kernel {
 public:
  GuardedKernel(std::unique_ptr<Kernel> inner, const OpQuery& query, GuardedMemory& memory)
      : inner_(std::move(inner)),
        inputs_(query.inputs.size()),
        outputs_(query.outputs.size()),
        memory_(memory) {
    workspace_bytes = inner_->workspace_bytes;
    kept_bytes = inner_->kept_bytes;
    input_layouts = inner_->input_layouts;
    output_layouts = inner_->output_layouts;
    opaque_bytes = inner_->opaque_bytes;
    inplace = inner_->inplace;
    description = inner_->description;
  }
  const Kernel& inner() const { return *inner_; }

  std::unique_ptr<KernelState> bind(const KernelArgs& args) const override {
    return inner_->bind(args);  // addresses only: the memory stays closed
  }
  void run(const KernelArgs& args) const override {
    memory_.queue(*args.stream, [this, args] {
      require_live(std::span(args.inputs, inputs_));
      require_live(std::span(args.outputs, outputs_));
      require_live(std::span(&args.workspace, 1));
      inner_->run(args);
    });
  }

 private:
  void require_live(std::span<void* const> addresses) const {
    for (const void* address : addresses) {
      if (address != nullptr) {
        memory_.require_live(address);
      }
    }
  }

  std::unique_ptr<Kernel> inner_;
  std::size_t inputs_, outputs_;
  GuardedMemory& memory_;
};

class GuardedRow final : public KernelImpl {
 public:
  GuardedRow(const KernelImpl& inner, GuardedMemory& memory) : inner_(inner), memory_(memory) {}
  std::string_view family() const override { return inner_.family(); }
  Support supports(const OpQuery& query) const override { return inner_.supports(bare(query)); }
  std::unique_ptr<Kernel> prepare(const OpQuery& query) const override {
    return std::make_unique<GuardedKernel>(inner_.prepare(bare(query)), query, memory_);
  }

 private:
  static OpQuery bare(OpQuery query) {
    if (query.forward != nullptr) {
      query.forward = &dynamic_cast<const GuardedKernel&>(*query.forward).inner();
    }
    return query;
  }
  const KernelImpl& inner_;
  GuardedMemory& memory_;
};

class GuardedBackend final : public Backend {
 public:
  GuardedBackend(std::unique_ptr<Backend> inner, std::size_t capacity)
      : inner_(std::move(inner)), memory_(std::make_unique<GuardedMemory>(capacity)) {
    for (const std::string& op : inner_->kernels().ops()) {
      for (const auto& row : inner_->kernels().rows(op)) {
        table_.add(op, std::make_unique<GuardedRow>(*row, *memory_));
      }
    }
  }
  std::string_view name() const override { return inner_->name(); }
  const KernelTable& kernels() const override { return table_; }
  DeviceMemory& memory() const override { return *memory_; }
  std::unique_ptr<Stream> make_stream() const override { return std::make_unique<LateStream>(); }
  std::string fingerprint() const override { return inner_->fingerprint(); }
  bool is_fast(DType dtype) const override { return inner_->is_fast(dtype); }

 private:
  std::unique_ptr<Backend> inner_;
  std::unique_ptr<GuardedMemory> memory_;
  KernelTable table_;
};

}  // namespace

std::unique_ptr<Backend> make_guarded_backend(std::unique_ptr<Backend> inner,
                                              std::size_t capacity) {
  return std::make_unique<GuardedBackend>(std::move(inner), capacity);
}

}  // namespace temper::test
