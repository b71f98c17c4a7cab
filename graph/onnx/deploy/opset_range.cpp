// Range as a Loop that counts, of opset 7.
#include <string>

#include <onnx.pb.h>

#include "graph/onnx/deploy/opset_expansions.h"
#include "graph/onnx/surgery/node_attributes.h"

namespace temper::graph {
namespace {

constexpr std::int32_t kInt64 = 7, kBool = 9;  // TensorProto.DataType
constexpr std::int32_t kGraph = 5;             // AttributeProto.AttributeType

void declare_scalar(wire::ValueInfoProto& info, const std::string& name, std::int32_t type) {
  info.set_name(name);
  info.mutable_type()->mutable_tensor_type()->set_elem_type(type);
  info.mutable_type()->mutable_tensor_type()->mutable_shape();
}

void emit(const char* op, wire::GraphProto& body, const std::vector<std::string>& inputs,
          const std::string& output) {
  wire::NodeProto& node = *body.add_node();
  node.set_op_type(op);
  node.set_name(output + "_node");
  for (const std::string& input : inputs) {
    node.add_input(input);
  }
  node.add_output(output);
}

// Gives the state, and goes on with the next number.
void count_up(OpsetNode& n, wire::GraphProto& body, const std::string& step) {
  const auto name = [&](const char* part) {
    return n.edit().unique(n.node().output(0) + "_" + part);
  };
  const std::string step_number = name("step"), goes_on = name("on"), now = name("now");
  const std::string still = name("still"), next = name("next"), given = name("given");
  body.set_name(name("count"));
  declare_scalar(*body.add_input(), step_number, kInt64);
  declare_scalar(*body.add_input(), goes_on, kBool);
  declare_scalar(*body.add_input(), now, kInt64);
  emit("Identity", body, {goes_on}, still);
  emit("Add", body, {now, step}, next);
  emit("Identity", body, {now}, given);
  declare_scalar(*body.add_output(), still, kBool);
  declare_scalar(*body.add_output(), next, kInt64);
  declare_scalar(*body.add_output(), given, kInt64);
}

}  // namespace

bool range(OpsetNode& n) {
  const auto start = n.whole_numbers(n.input(0)), step = n.whole_numbers(n.input(2));
  const bool counts = start && step && start->front() == 0 && step->front() == 1 &&
                      n.facts().type(n.input(1)) == kInt64;
  if (!counts) {
    n.refuse("before opset 11 only 0, 1, 2, ... in int64 can be written, by a Loop");
    return true;
  }
  const std::string last = n.edit().unique(n.node().output(0) + "_end");
  const std::string values = n.emit("Loop", {n.input(1), "", n.input(0)});
  wire::NodeProto& loop = n.emitted();
  wire::AttributeProto& body = *loop.add_attribute();
  body.set_name("body");
  body.set_type(kGraph);
  count_up(n, *body.mutable_g(), n.input(2));
  n.replace_by(values);
  loop.add_output(loop.output(0));  // behind the last state, which nothing reads
  loop.set_output(0, last);
  return true;
}

}  // namespace temper::graph
