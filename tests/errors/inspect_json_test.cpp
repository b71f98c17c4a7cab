// `temper inspect --json`: fields for a model that trains, and for one that is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/errors/bad_input.h"
#include "training/formats/json.h"

namespace temper::test {
namespace {

using testing::HasSubstr;
using training::JsonValue;

class InspectJson : public BadInput {};

TEST_F(InspectJson, GivesOpsTensorsAndMemoryAsFields) {
  const CommandResult result = temper({"inspect", "good.onnx", "--kernels", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const JsonValue json = training::parse_json(result.out, "stdout");
  EXPECT_EQ(json.at("ops").at("Gemm").as_int("count"), 1);
  const JsonValue::Array& tensors = json.at("tensors").as_array("tensors");
  ASSERT_EQ(tensors.size(), 2u);
  EXPECT_TRUE(tensors[0].at("trainable").as_bool("trainable"));
  EXPECT_EQ(json.at("parameters").as_int("parameters"), 15);  // w [3, 4] and b [3]
  EXPECT_EQ(json.at("trainable_parameters").as_int("parameters"), 15);
  EXPECT_EQ(json.at("inputs").as_array("inputs").size(), 1u);
  EXPECT_TRUE(json.at("unsupported").as_array("unsupported").empty());
  EXPECT_TRUE(json.at("without_gradient").as_array("without_gradient").empty());
  EXPECT_EQ(json.at("memory").as_array("memory")[1].at("batch").as_int("batch"), 32);
  EXPECT_FALSE(json.at("kernels").as_array("kernels").empty());
}

TEST_F(InspectJson, OfARefusedModelGivesTheReasonsAsFields) {
  ModelParts parts = linear_model();
  parts.nodes.push_back(node("Foo", {"y"}, {"z"}, {}, "the foreign one", "com.acme"));
  parts.outputs = {value_info("z", {-1, 3})};
  write_model("foreign.onnx", parts);
  const CommandResult result = temper({"inspect", "foreign.onnx", "--json"});
  EXPECT_EQ(result.exit_code, 8) << result.err;
  const JsonValue json = training::parse_json(result.out, "stdout");
  const JsonValue::Array& reasons = json.at("unsupported").as_array("unsupported");
  ASSERT_EQ(reasons.size(), 1u);
  EXPECT_EQ(reasons[0].at("op").as_string("op"), "com.acme::Foo");
  EXPECT_EQ(reasons[0].at("count").as_int("count"), 1);
  EXPECT_EQ(reasons[0].at("examples").as_array("examples")[0].as_string("name"), "the foreign one");
  EXPECT_EQ(json.at("tensors").as_array("tensors").size(), 2u) << "its tensors all the same";
  EXPECT_EQ(json.at("error").at("exit").as_int("exit"), 8);
  const JsonValue error = training::parse_json(result.err, "stderr");
  EXPECT_THAT(error.at("error").at("message").as_string("message"), HasSubstr("com.acme"));
}

}  // namespace
}  // namespace temper::test
