// Sequences: SequenceConstruct, SequenceEmpty, SequenceInsert, SequenceErase, SequenceAt,
// SequenceLength, SequenceMap, SplitToSequence, ConcatFromSequence. Their lengths and the places
// asked for are known when the graph is compiled, so nothing of them remains: exports of chunk and
// split take a tensor apart and name its parts by number.
#include <algorithm>

#include "graph/ir/op_def.h"
#include "graph/ops/resolved_rules.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

using Values = std::vector<ValueId>;

bool resolve_construct(ResolveContext& c) {
  c.set_output(0, c.add_list(c.node().inputs));
  return true;
}

bool resolve_empty(ResolveContext& c) {
  c.set_output(0, c.add_list({}));
  return true;
}

// The position at input i, from the end when it is negative; `end` when it is left out.
std::size_t position(const ResolveContext& c, std::size_t i, std::size_t length, std::size_t end) {
  if (!c.has_input(i)) {
    return end;
  }
  const std::vector<std::int64_t> numbers = c.integers(i, "position");
  c.check(numbers.size() == 1, "input ", i, " (position) has ", numbers.size(),
          " elements, expected 1");
  const auto size = static_cast<std::int64_t>(length);
  const std::int64_t at = numbers[0] < 0 ? numbers[0] + size : numbers[0];
  const std::int64_t most = static_cast<std::int64_t>(end);
  c.check(at >= 0 && at <= most, "position ", numbers[0], " in a sequence of ", size);
  return static_cast<std::size_t>(at);
}

bool resolve_insert(ResolveContext& c) {
  Values values = c.list(0);
  const std::size_t at = position(c, 2, values.size(), values.size());
  values.insert(values.begin() + static_cast<std::ptrdiff_t>(at), c.input(1));
  c.set_output(0, c.add_list(std::move(values)));
  return true;
}

bool resolve_erase(ResolveContext& c) {
  Values values = c.list(0);
  c.check(!values.empty(), "the sequence is empty");
  const std::size_t at = position(c, 1, values.size(), values.size() - 1);
  values.erase(values.begin() + static_cast<std::ptrdiff_t>(at));
  c.set_output(0, c.add_list(std::move(values)));
  return true;
}

bool resolve_at(ResolveContext& c) {
  const Values values = c.list(0);
  c.check(!values.empty(), "the sequence is empty");
  c.set_output(0, values[position(c, 1, values.size(), values.size() - 1)]);
  return true;
}

bool resolve_length(ResolveContext& c) {
  c.set_output(0, c.integer(static_cast<std::int64_t>(c.list(0).size())));
  return true;
}

// The sizes of the parts: all `split` but the last, or those of a list.
std::vector<std::int64_t> part_sizes(const ResolveContext& c, std::int64_t dim) {
  const std::vector<std::int64_t> numbers = c.integers(1, "split");
  if (c.shape(c.input(1)).rank() > 0) {
    return numbers;
  }
  c.check(numbers[0] > 0, "parts of ", numbers[0]);
  std::vector<std::int64_t> sizes;
  for (std::int64_t left = dim; left > 0; left -= numbers[0]) {
    sizes.push_back(std::min(left, numbers[0]));
  }
  return sizes;
}

bool resolve_split(ResolveContext& c) {
  const ValueId x = c.input(0);
  const int rank = c.shape(x).rank();
  const std::int64_t given = c.attrs().get_int("axis", 0);
  c.check(given >= -rank && given < rank, "axis ", given, " is out of range for rank ", rank);
  const std::int64_t axis = given < 0 ? given + rank : given;
  const std::int64_t dim = c.shape(x)[static_cast<int>(axis)];
  if (!c.has_input(1) && c.attrs().get_int("keepdims", 1) == 0) {
    c.set_output(0, c.add_list(c.unstack(x, axis)));
    return true;
  }
  const std::vector<std::int64_t> sizes =
      c.has_input(1) ? part_sizes(c, dim)
                     : std::vector<std::int64_t>(static_cast<std::size_t>(dim), 1);
  Values parts;
  if (!sizes.empty()) {
    parts =
        c.emit("Split", {x}, static_cast<int>(sizes.size()), {{"axis", axis}, {"split", sizes}});
  }
  c.set_output(0, c.add_list(std::move(parts)));
  return true;
}

bool resolve_concat(ResolveContext& c) {
  const Values values = c.list(0);
  c.check(!values.empty(), "the sequence is empty");
  c.check(c.attrs().has("axis"), "it has no axis");
  const std::int64_t axis = c.attrs().get_int("axis", 0);
  c.set_output(0, c.attrs().get_int("new_axis", 0) != 0
                      ? c.stack(values, axis)
                      : c.emit_one("Concat", values, {{"axis", axis}}));
  return true;
}

// output_k[i] = body(input_0[i], input_j[i] or input_j, ...)_k
bool resolve_map(ResolveContext& c) {
  const std::size_t length = c.list(0).size();
  const std::size_t given = c.input_count() - capture_count(c.node());
  std::vector<Values> made(c.node().outputs.size());
  for (std::size_t i = 0; i < length; ++i) {
    Values inputs;
    for (std::size_t k = 0; k < given; ++k) {
      if (!c.is_list(c.input(k))) {
        inputs.push_back(c.input(k));
        continue;
      }
      const Values values = c.list(k);
      c.check(values.size() == length, "inputs 0 and ", k, " have ", length, " and ", values.size(),
              " elements");
      inputs.push_back(values[i]);
    }
    const Values captures = c.captures();
    inputs.insert(inputs.end(), captures.begin(), captures.end());
    const Values outputs =
        c.splice(*c.node().bodies[0], inputs, concat("element ", i, " of ", c.node().origin));
    c.check(outputs.size() >= made.size(), "its body has ", outputs.size(), " outputs, expected ",
            made.size());
    for (std::size_t k = 0; k < made.size(); ++k) {
      made[k].push_back(outputs[k]);
    }
  }
  for (std::size_t k = 0; k < made.size(); ++k) {
    c.set_output(k, c.add_list(std::move(made[k])));
  }
  return true;
}

OpDef& add(OpRegistry& ops, const char* name, ResolveFunction rule) {
  return ops.add(name).infer(infer_resolved).resolves(rule);
}

}  // namespace

void register_sequences(OpRegistry& ops) {
  add(ops, "SequenceConstruct", resolve_construct).inputs(1, -1);
  add(ops, "SequenceEmpty", resolve_empty).inputs(0, 0);
  add(ops, "SequenceInsert", resolve_insert).inputs(2, 3).absorbs({2});
  add(ops, "SequenceErase", resolve_erase).inputs(1, 2).absorbs({1});
  add(ops, "SequenceAt", resolve_at).inputs(2, 2).absorbs({1});
  add(ops, "SequenceLength", resolve_length);
  add(ops, "SplitToSequence", resolve_split).inputs(1, 2).absorbs({1});
  add(ops, "ConcatFromSequence", resolve_concat);
  add(ops, "SequenceMap", resolve_map).inputs(1, -1).outputs(1, -1).has_bodies({"body"});
}

}  // namespace temper::graph
