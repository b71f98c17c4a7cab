// What the rule of an op sees that vanishes when shapes are bound (OpDef::resolves): If with a
// known condition, Loop and Scan with a known number of steps, sequences and optional values. The
// inputs of its node are inferred and folded already; the nodes it adds are at once.
//
// A sequence is a list of values known when the graph is compiled, and an id stands for it. An
// optional value is the value, or nothing, which an id stands for as well.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "graph/ir/body.h"
#include "graph/ir/graph.h"
#include "runtime/base/error.h"

namespace temper::graph {

class ResolveContext {
 public:
  virtual ~ResolveContext() = default;

  // A copy: adding nodes moves them.
  const Node& node() const { return node_; }
  const Attrs& attrs() const { return node_.attrs; }
  std::size_t input_count() const { return node_.inputs.size(); }
  bool has_input(std::size_t i) const { return i < input_count() && node_.inputs[i].valid(); }
  // THROWS: kInvalidModel when the input is missing.
  ValueId input(std::size_t i) const;
  std::vector<ValueId> captures() const;

  virtual const Value& value(ValueId id) const = 0;
  const Shape& shape(ValueId id) const { return value(id).shape; }
  // The tensor of a constant, or null.
  const Tensor* constant(ValueId id) const;
  // The integers of input i, which must be constant. THROWS: kUnsupported naming `what` it is.
  std::vector<std::int64_t> integers(std::size_t i, std::string_view what) const;

  virtual bool is_list(ValueId id) const = 0;
  // The values of the sequence at input i. THROWS: kInvalidModel when it is none.
  virtual std::vector<ValueId> list(std::size_t i) const = 0;
  virtual ValueId add_list(std::vector<ValueId> values) = 0;
  virtual bool is_nothing(ValueId id) const = 0;
  virtual ValueId add_nothing() = 0;

  virtual ValueId add_constant(Tensor value) = 0;
  ValueId integer(std::int64_t value);
  using Bodies = std::vector<std::shared_ptr<const Body>>;
  virtual std::vector<ValueId> emit(std::string_view op, std::vector<ValueId> inputs, int outputs,
                                    Attrs attrs, Bodies bodies = {}) = 0;
  ValueId emit_one(std::string_view op, std::vector<ValueId> inputs, Attrs attrs) {
    return emit(op, std::move(inputs), 1, std::move(attrs)).front();
  }
  // `count` parts of size 1 along an axis, without it.
  std::vector<ValueId> unstack(ValueId id, std::int64_t axis);
  // Values of one shape along a new axis.
  ValueId stack(const std::vector<ValueId>& values, std::int64_t axis);
  // The nodes of a body with its inputs in place: the values of its outputs. `where` follows the
  // names of its nodes in messages: "step 3 of Loop 'l'".
  virtual std::vector<ValueId> splice(const Body& body, const std::vector<ValueId>& inputs,
                                      const std::string& where) = 0;
  // An input of a body: its type and shape, or its value.
  struct Formal {
    DType dtype = DType::kUndefined;
    Shape shape;
    const Tensor* constant = nullptr;
    ValueId from = {};  // the value around the body that the constant is
  };
  Formal formal(ValueId id, bool may_be_constant) const;
  // A copy of a body with its shapes bound and its own control flow resolved; inputs with a value
  // are no inputs any more.
  virtual std::shared_ptr<Body> bind(const Body& body, const std::vector<Formal>& inputs) = 0;
  // How many steps a loop may have to be unrolled.
  virtual std::int64_t unroll() const = 0;
  // How many steps a loop may take whose number of steps data decide.
  virtual std::int64_t max_trip_count() const = 0;
  // What `f` added is removed again when it returns false.
  virtual bool attempt(const std::function<bool()>& f) = 0;
  virtual void set_output(std::size_t i, ValueId id) = 0;

  template <class... Parts>
  void check(bool condition, const Parts&... parts) const {
    TEMPER_CHECK(condition, ErrorCode::kInvalidModel, parts...);
  }

 protected:
  explicit ResolveContext(Node node) : node_(std::move(node)) {}

 private:
  Node node_;
};

}  // namespace temper::graph
