#include "tests/models/expected_training.h"

#include <temper_test_paths.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "runtime/base/error.h"
#include "tests/models/generated_tensors.h"

namespace temper {
namespace {

using training::JsonValue;

const std::string kFolder = std::string(TEMPER_SOURCE_DIR) + "/tests/models/expected/";

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  TEMPER_CHECK(file.good(), ErrorCode::kIo, path, ": cannot be read");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<double> numbers(const JsonValue& list) {
  std::vector<double> values;
  for (const JsonValue& value : list.as_array("a list")) {
    values.push_back(value.as_double("a number"));
  }
  return values;
}

Shape shape_of(const JsonValue& description) {
  Shape shape;
  for (const JsonValue& dim : description.at("shape").as_array("shape")) {
    shape.push_back(dim.as_int("a dimension"));
  }
  return shape;
}

Tensor batch_tensor(const std::string& model, const JsonValue& batch, const char* name) {
  const JsonValue& description = batch.at(name);
  const Shape shape = shape_of(description);
  const std::string stream = model + "/" + name;
  if (const JsonValue* classes = description.find("classes")) {
    const auto values = generate_classes(stream, shape.element_count(), classes->as_int("classes"));
    return Tensor::from<std::int64_t>(DType::kInt64, shape, values);
  }
  const auto values =
      generate_floats(stream, shape.element_count(), description.at("shift").as_double("shift"),
                      description.at("scale").as_double("scale"));
  return Tensor::from<float>(DType::kFloat32, shape, values);
}

ExpectedGradient gradient_of(const JsonValue& row) {
  ExpectedGradient gradient{row.at("name").as_string("name"),
                            row.at("norm").as_double("norm"),
                            row.at("projection").as_double("projection"),
                            {}};
  for (const JsonValue& sample : row.at("samples").as_array("samples")) {
    const JsonValue::Array& pair = sample.as_array("a sample");
    gradient.samples.emplace_back(pair.at(0).as_int("an index"), pair.at(1).as_double("a value"));
  }
  return gradient;
}

ExpectedCurve curve_of(const JsonValue& row) {
  ExpectedCurve curve{row.at("optimizer").as_string("optimizer"), {}, numbers(row.at("losses"))};
  for (const training::JsonMember& member : row.as_object("a curve")) {
    if (member.key != "optimizer" && member.key != "losses") {
      curve.parameters.set(member.key, member.value.as_double(member.key));
    }
  }
  return curve;
}

}  // namespace

ExpectedTraining read_expected(const std::string& name) {
  const std::string path = kFolder + name + ".json";
  const JsonValue file = training::parse_json(read_text(path), path);
  ExpectedTraining expected;
  expected.model = file.at("model").as_string("model");
  expected.loss = file.at("loss").as_string("loss");
  expected.first_loss = file.at("first_loss").as_double("first_loss");
  expected.weights = file.at("weights");
  expected.input = batch_tensor(expected.model, file.at("batch"), "input");
  expected.target = batch_tensor(expected.model, file.at("batch"), "target");
  for (const JsonValue& row : file.at("gradients").as_array("gradients")) {
    expected.gradients.push_back(gradient_of(row));
  }
  for (const JsonValue& row : file.at("curves").as_array("curves")) {
    expected.curves.push_back(curve_of(row));
  }
  for (const JsonValue& row : file.at("statistics_after_sgd").as_array("statistics_after_sgd")) {
    expected.statistics_after_sgd.push_back(
        {row.at("name").as_string("name"), numbers(row.at("values"))});
  }
  return expected;
}

std::string generated_weights(const ExpectedTraining& expected) {
  std::string data(static_cast<std::size_t>(expected.weights.at("bytes").as_int("bytes")), '\0');
  for (const JsonValue& row : expected.weights.at("tensors").as_array("tensors")) {
    const auto values =
        generate_floats(row.at("name").as_string("name"), shape_of(row).element_count(),
                        row.at("shift").as_double("shift"), row.at("scale").as_double("scale"));
    const auto offset = static_cast<std::size_t>(row.at("offset").as_int("offset"));
    TEMPER_CHECK(offset + values.size() * sizeof(float) <= data.size(), ErrorCode::kInvalidData,
                 expected.model, ": the table of weights passes the end of the file");
    std::memcpy(data.data() + offset, values.data(), values.size() * sizeof(float));
  }
  return data;
}

std::string place_model(const ExpectedTraining& expected, const std::string& file,
                        const std::string& folder) {
  const std::string data_file = expected.weights.at("file").as_string("file");
  const std::string data = generated_weights(expected);
  std::ofstream(folder + "/" + data_file, std::ios::binary)
      .write(data.data(), static_cast<std::streamsize>(data.size()));
  std::filesystem::copy_file(kFolder + file, folder + "/" + file);
  return folder + "/" + file;
}

}  // namespace temper
