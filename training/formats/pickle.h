// Python's pickle format, read without running anything of it: classes and calls become records
// that say what they would have been. What would run code of the system is refused by name.
// https://github.com/python/cpython/blob/main/Lib/pickletools.py
#pragma once

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

struct PickleNode {
  PickleKind kind = PickleKind::kNone;
  std::int64_t number = 0;
  double real = 0;
  std::string_view text;
  // Elements; of dicts key, value, key, value; of records whatever was put into the object.
  std::vector<PickleId> items;
  PickleId type = 0;   // of records: the class
  PickleId args = 0;   // of records: what it was called with
  PickleId state = 0;  // of records: what was set afterwards; 0: nothing
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

  // The value of a text key of a dict; nothing (0, which is None) when it is not there.
  PickleId find(PickleId dict, std::string_view key) const;
  // Whether it is a record made by this class or function.
  bool is_made_by(PickleId id, std::string_view type) const;

 private:
  friend class PickleMachine;

  std::vector<PickleNode> nodes_;   // the first is None
  std::deque<std::string> joined_;  // texts that do not stand in the file as such
  PickleId root_ = 0;
  std::size_t bytes_read_ = 0;
};

}  // namespace temper::training
