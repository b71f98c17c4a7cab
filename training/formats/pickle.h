// Python's pickle format, read without running anything of it: classes and calls become records
// that say what they would have been. What would run code of the system is refused by name.
// https://github.com/python/cpython/blob/main/Lib/pickletools.py
#pragma once

#include <bit>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace temper::training {

// An object of a Pickle.
using PickleId = std::uint32_t;

enum class PickleKind : std::uint8_t {
  kNone,
  kBool,
  kInt,  // of at most 64 bits; larger ones are kBytes
  kFloat,
  kText,
  kBytes,
  kTuple,
  kList,  // sets, too
  kDict,
  kClass,      // text: "torch.nn.modules.linear.Linear"
  kRecord,     // an object that a class, or a function, would have made
  kPersistent  // what the file around it knows: items[0] says what
};

// A file of small tensors is mostly objects: they take 48 bytes.
class PickleNode {
 public:
  PickleNode() = default;
  explicit PickleNode(PickleKind of) : kind(of) {}

  // Each of another kind than asked for: 0, or no text.
  std::int64_t number() const {
    return kind == PickleKind::kInt || kind == PickleKind::kBool ? static_cast<std::int64_t>(word_)
                                                                 : 0;
  }
  double real() const { return kind == PickleKind::kFloat ? std::bit_cast<double>(word_) : 0; }
  std::string_view text() const { return {text_, text_ == nullptr ? 0 : word_}; }
  void set_number(std::int64_t value) { word_ = static_cast<std::uint64_t>(value); }
  void set_real(double value) { word_ = std::bit_cast<std::uint64_t>(value); }
  void set_text(std::string_view value) {
    text_ = value.data();
    word_ = value.size();
  }

  // Of a record: the class, what it was called with, and what was set afterwards (0: nothing).
  PickleId type() const { return part(0); }
  PickleId args() const { return part(1); }
  PickleId state() const { return part(2); }
  // Elements; of dicts key, value, key, value; of records whatever was put into the object.
  std::span<const PickleId> elements() const {
    return std::span(items).subspan(kind == PickleKind::kRecord ? kRecordParts : 0);
  }

  static constexpr std::size_t kRecordParts = 3;
  PickleKind kind = PickleKind::kNone;
  std::vector<PickleId> items;  // the elements; of records their three parts first

 private:
  PickleId part(std::size_t i) const { return kind == PickleKind::kRecord ? items[i] : 0; }

  std::uint64_t word_ = 0;  // the number, or the text's length
  const char* text_ = nullptr;
};

class Pickle {
 public:
  // Reads one pickle from the start of `bytes`, which outlive it. `memory` bounds what it takes.
  // THROWS: kInvalidModel (damaged, or larger than `memory`), kUnsupported naming a class that
  // would run code.
  Pickle(std::span<const std::byte> bytes, std::string_view where, std::uint64_t memory);

  const PickleNode& node(PickleId id) const { return nodes_[id]; }
  PickleId root() const { return root_; }
  std::size_t bytes_read() const { return bytes_read_; }
  std::size_t size() const { return nodes_.size(); }
  // What its objects take, as bounded by `memory`.
  std::uint64_t memory_used() const { return memory_used_; }

  // The value of a text key of a dict; nothing (0, which is None) when it is not there.
  PickleId find(PickleId dict, std::string_view key) const;
  // Whether it is a record made by this class or function.
  bool is_made_by(PickleId id, std::string_view type) const;

 private:
  friend class PickleMachine;

  std::deque<PickleNode> nodes_;    // the first is None
  std::deque<std::string> joined_;  // texts that do not stand in the file as such
  PickleId root_ = 0;
  std::size_t bytes_read_ = 0;
  std::uint64_t memory_used_ = 0;
};

}  // namespace temper::training
