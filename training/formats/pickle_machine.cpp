// What the codes of a pickle have in common. Nothing is called: what a class or function would make
// is a record.
#include "training/formats/pickle_machine.h"

#include <algorithm>
#include <array>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/base/number_text.h"

namespace temper::training {
namespace {

// Modules whose functions reach the system: no file of weights has a use for them, so a file that
// names one is made to do harm where it is loaded.
constexpr std::array<std::string_view, 25> kHarmful = {
    "os",     "posix",     "nt",     "subprocess",     "sys",     "socket",   "shutil",
    "runpy",  "pty",       "pip",    "importlib",      "ctypes",  "codeop",   "pdb",
    "bdb",    "asyncio",   "pickle", "webbrowser",     "_pickle", "cProfile", "marshal",
    "urllib", "threading", "signal", "multiprocessing"};
// The same of modules whose names a project's own folder may have: only without a part behind it.
constexpr std::array<std::string_view, 5> kHarmfulAlone = {"code", "commands", "imp", "profile",
                                                           "timeit"};
// What Python's own functions may be named for: values.
constexpr std::array<std::string_view, 20> kHarmless = {
    "set",       "frozenset", "dict", "list",    "tuple",   "int",     "float",
    "str",       "bytes",     "bool", "complex", "slice",   "range",   "object",
    "bytearray", "type",      "long", "unicode", "getattr", "Ellipsis"};

// Of an allocation beyond its bytes, or what a short one takes.
constexpr std::uint64_t kBlock = 24;
constexpr std::uint64_t kSparseEntry = 48;

template <class List>
bool has(const List& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

bool would_run_code(std::string_view module, std::string_view name) {
  if (module == "builtins" || module == "__builtin__" || module == "__builtins__") {
    const bool is_error = name.ends_with("Error") || name.ends_with("Exception");
    return !is_error && !has(kHarmless, name);
  }
  if (module == "torch.hub" || module == "torch.utils.cpp_extension" ||
      name.find("__import__") != std::string_view::npos) {
    return true;
  }
  return has(kHarmful, module.substr(0, module.find('.'))) || has(kHarmfulAlone, module);
}

}  // namespace

void PickleMachine::damaged(std::string_view what) const {
  fail(ErrorCode::kInvalidModel, where_, " is damaged: ", what, " at byte ", at_,
       " of its pickle. Was it copied whole?");
}

std::string_view PickleMachine::take(std::uint64_t count) {
  if (count > bytes_.size() - at_) {
    damaged("it ends inside a value");
  }
  const auto size = static_cast<std::size_t>(count);
  const std::string_view text(reinterpret_cast<const char*>(bytes_.data()) + at_, size);
  at_ += size;
  return text;
}

std::uint64_t PickleMachine::take_number(std::size_t bytes) {
  const std::string_view text = take(bytes);
  std::uint64_t number = 0;
  for (std::size_t i = bytes; i-- > 0;) {
    number = number << 8 | static_cast<unsigned char>(text[i]);
  }
  return number;
}

std::string_view PickleMachine::take_line() {
  const std::string_view rest(reinterpret_cast<const char*>(bytes_.data()) + at_,
                              bytes_.size() - at_);
  const std::size_t end = rest.find('\n');
  if (end == std::string_view::npos) {
    damaged("it ends inside a line");
  }
  at_ += end + 1;
  std::string_view line = rest.substr(0, end);
  if (line.ends_with('\r')) {
    line.remove_suffix(1);
  }
  return line;
}

std::int64_t PickleMachine::whole_number(std::string_view digits) const {
  if (digits.ends_with('L')) {
    digits.remove_suffix(1);
  }
  const auto number = read_number(digits);
  if (!number || !(*number >= -9e15 && *number <= 9e15)) {
    damaged("no whole number");
  }
  return static_cast<std::int64_t>(*number);
}

void PickleMachine::charge(std::uint64_t bytes) {
  out_.memory_used_ += bytes;
  TEMPER_CHECK(out_.memory_used_ <= memory_, ErrorCode::kInvalidModel, where_,
               ": its pickle has more objects than a file of this size has a use for (over ",
               memory_, " bytes of them)");
}

PickleNode& PickleMachine::make(PickleKind kind) {
  charge(sizeof(PickleNode));
  push(static_cast<PickleId>(out_.nodes_.size()));
  return out_.nodes_.emplace_back(kind);
}

void PickleMachine::push_small(std::size_t number) {
  PickleId& id = small_[number];
  if (id != 0) {
    push(id);
    return;
  }
  make(PickleKind::kInt).set_number(static_cast<std::int64_t>(number));
  id = stack_.back();
}

void PickleMachine::push_bool(bool value) {
  PickleId& id = bools_[value ? 1 : 0];
  if (id != 0) {
    push(id);
    return;
  }
  make(PickleKind::kBool).set_number(value ? 1 : 0);
  id = stack_.back();
}

void PickleMachine::push_nothing() {
  if (nothing_ != 0) {
    push(nothing_);
    return;
  }
  make(PickleKind::kTuple);
  nothing_ = stack_.back();
}

void PickleMachine::push(PickleId id) {
  charge_growth(stack_);
  stack_.push_back(id);
}

PickleId PickleMachine::pop() {
  const std::size_t least = marks_.empty() ? 0 : marks_.back();
  if (stack_.size() <= least) {
    damaged("a value is missing");
  }
  const PickleId id = stack_.back();
  stack_.pop_back();
  return id;
}

PickleNode& PickleMachine::top() {
  const PickleId id = pop();
  stack_.push_back(id);
  return out_.nodes_[id];
}

std::vector<PickleId> PickleMachine::pop_to_mark() {
  if (marks_.empty()) {
    damaged("a mark is missing");
  }
  const std::size_t mark = marks_.back();
  marks_.pop_back();
  std::vector<PickleId> items(stack_.begin() + static_cast<std::ptrdiff_t>(mark), stack_.end());
  stack_.resize(mark);
  return items;
}

void PickleMachine::add_items(PickleId to, const std::vector<PickleId>& items, bool pairs) {
  PickleNode& node = out_.nodes_[to];
  const bool takes = node.kind == PickleKind::kRecord ||
                     node.kind == (pairs ? PickleKind::kDict : PickleKind::kList);
  if (!takes || (pairs && items.size() % 2 != 0)) {
    damaged("values for what is no container");
  }
  // Lists of a few elements have a block of their own; long ones double.
  charge((node.items.empty() ? kBlock : 0) + items.size() * sizeof(PickleId) * 2);
  node.items.insert(node.items.end(), items.begin(), items.end());
}

void PickleMachine::push_long(std::string_view little_endian) {
  if (little_endian.size() > 8) {
    make(PickleKind::kBytes).set_text(little_endian);
    return;
  }
  std::uint64_t number = 0;
  for (std::size_t i = little_endian.size(); i-- > 0;) {
    number = number << 8 | static_cast<unsigned char>(little_endian[i]);
  }
  const unsigned bits = static_cast<unsigned>(little_endian.size()) * 8;
  if (bits > 0 && bits < 64 && (number >> (bits - 1) & 1) != 0) {
    number |= ~std::uint64_t{0} << bits;
  }
  make(PickleKind::kInt).set_number(static_cast<std::int64_t>(number));
}

void PickleMachine::push_class(std::string_view module, std::string_view name) {
  TEMPER_CHECK(!would_run_code(module, name), ErrorCode::kUnsupported, where_,
               " would run code where it is loaded: its pickle names ", module, ".", name,
               ". Nothing of it was run here; do not load it with PyTorch either");
  charge(module.size() + name.size() + sizeof(std::string) + 16);
  out_.joined_.push_back(concat(module, ".", name));
  make(PickleKind::kClass).set_text(out_.joined_.back());
}

void PickleMachine::push_record(PickleId type, PickleId args) {
  const PickleNode& callable = out_.nodes_[type];
  const bool is_dict =
      callable.kind == PickleKind::kClass &&
      (callable.text() == "collections.OrderedDict" || callable.text() == "builtins.dict");
  if (is_dict) {
    make(PickleKind::kDict);
    return;
  }
  charge(kBlock);
  make(PickleKind::kRecord).items = {type, args, 0};
}

void PickleMachine::push_tuple(std::vector<PickleId> items) {
  charge(items.empty() ? 0 : kBlock + items.size() * sizeof(PickleId));
  make(PickleKind::kTuple).items = std::move(items);
}

void PickleMachine::remember(std::uint64_t key) {
  top();
  if (key < memo_.size()) {
    memo_[static_cast<std::size_t>(key)] = stack_.back();
  } else if (key == memo_.size()) {
    charge_growth(memo_);
    memo_.push_back(stack_.back());
  } else {
    charge(kSparseEntry);
    sparse_memo_[key] = stack_.back();
  }
}

void PickleMachine::recall(std::uint64_t key) {
  if (key < memo_.size()) {
    push(memo_[static_cast<std::size_t>(key)]);
    return;
  }
  const auto found = sparse_memo_.find(key);
  if (found == sparse_memo_.end()) {
    damaged("it names an object that is not there");
  }
  push(found->second);
}

// A module of the format before 1.6 stands with its source, which nobody needs.
void PickleMachine::push_persistent(PickleId what) {
  const PickleNode& node = out_.nodes_[what];
  if (node.kind == PickleKind::kTuple && node.items.size() > 1 &&
      out_.nodes_[node.items[0]].text() == "module") {
    push(node.items[1]);
    return;
  }
  charge(kBlock);
  make(PickleKind::kPersistent).items = {what};
}

void PickleMachine::run() {
  out_.nodes_.emplace_back();  // None
  while (!stopped_) {
    const auto code = static_cast<unsigned char>(take_number(1));
    const bool known = do_stack(code) || do_number(code) || do_text(code) || do_container(code) ||
                       do_memo(code) || do_object(code);
    if (!known) {
      --at_;
      damaged(concat("an unknown code ", static_cast<int>(code)));
    }
  }
  out_.bytes_read_ = at_;
}

}  // namespace temper::training
