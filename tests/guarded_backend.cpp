#include "tests/guarded_backend.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
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
    free_[0] = capacity;
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

  std::byte* allocate(std::size_t bytes, const char* purpose) override {
    const std::size_t needed = rounded(bytes);
    for (auto it = free_.begin(); it != free_.end(); ++it) {
      if (it->second >= needed) {
        const auto [offset, size] = *it;
        free_.erase(it);
        if (size > needed) {
          free_[offset + needed] = size - needed;
        }
        used_ = std::max(used_, offset + needed);
        const Open open(*this);
        std::memset(begin_ + offset, 0, needed);
        return begin_ + offset;
      }
    }
    fail(ErrorCode::kOutOfMemory, "the guarded device has no ", bytes, " bytes for ", purpose);
  }

  // What was there turns into rubbish.
  void release(std::byte* data, std::size_t bytes) noexcept override {
    const Open open(*this);
    std::memset(data, 0xa5, rounded(bytes));
    auto it = free_.emplace(static_cast<std::size_t>(data - begin_), rounded(bytes)).first;
    const auto next = std::next(it);
    if (next != free_.end() && it->first + it->second == next->first) {
      it->second += next->second;
      free_.erase(next);
    }
    if (it != free_.begin()) {
      const auto before = std::prev(it);
      if (before->first + before->second == it->first) {
        before->second += it->second;
        free_.erase(it);
      }
    }
  }

  void copy_in(std::byte* to, const void* from, std::size_t bytes, Stream& stream) override {
    const auto* begin = static_cast<const std::byte*>(from);
    std::vector<std::byte> staged(begin, begin + bytes);
    queue(stream, [to, staged = std::move(staged)] { copy(to, staged.data(), staged.size()); });
  }
  void copy_out(void* to, const std::byte* from, std::size_t bytes, Stream& stream) override {
    queue(stream, [to, from, bytes] { copy(to, from, bytes); });
  }
  void copy_within(std::byte* to, const std::byte* from, std::size_t bytes,
                   Stream& stream) override {
    queue(stream, [to, from, bytes] { copy(to, from, bytes); });
  }
  void zero(std::byte* to, std::size_t bytes, Stream& stream) override {
    queue(stream, [to, bytes] { std::memset(to, 0, bytes); });
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
  std::map<std::size_t, std::size_t> free_;  // offset to size
};

class GuardedKernel final : public Kernel {
 public:
  GuardedKernel(std::unique_ptr<Kernel> inner, GuardedMemory& memory)
      : inner_(std::move(inner)), memory_(memory) {
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
    memory_.queue(*args.stream, [this, args] { inner_->run(args); });
  }

 private:
  std::unique_ptr<Kernel> inner_;
  GuardedMemory& memory_;
};

class GuardedRow final : public KernelImpl {
 public:
  GuardedRow(const KernelImpl& inner, GuardedMemory& memory) : inner_(inner), memory_(memory) {}
  std::string_view family() const override { return inner_.family(); }
  Support supports(const OpQuery& query) const override { return inner_.supports(bare(query)); }
  std::unique_ptr<Kernel> prepare(const OpQuery& query) const override {
    return std::make_unique<GuardedKernel>(inner_.prepare(bare(query)), memory_);
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
