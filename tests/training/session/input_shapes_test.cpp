// Rows of data against the dimensions of a model's inputs: what fits is computed right, and what
// does not never reaches a kernel.
#include "training/session/input_shapes.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <random>

#include "graph/ops/standard_ops.h"
#include "tests/graph/onnx/symbolic_info.h"
#include "tests/training/support/tiny_gan.h"
#include "training/analysis/prediction.h"
#include "training/formats/npy.h"
#include "training/formats/npz.h"
#include "training/session/session.h"

namespace temper::training {
namespace {

using temper::test::Message;
using temper::test::ModelParts;
using temper::test::symbolic_info;
using Words = std::vector<std::string>;

struct TestInput {
  std::string name;
  Words dims;                       // without the batch
  std::vector<std::int64_t> sizes;  // in the data
};

std::int64_t elements(const TestInput& input) {
  std::int64_t count = 1;
  for (const std::int64_t size : input.sizes) {
    count *= size;
  }
  return count;
}

// y[batch] = w times the sum of all inputs' values.
void write_sum_model(const std::string& path, const std::vector<TestInput>& inputs) {
  ModelParts parts;
  parts.inputs.clear();
  parts.outputs = {symbolic_info("y", {"batch"})};
  parts.initializers = {temper::test::floats("w", {1}, {0.5f})};
  std::string sum;
  for (const TestInput& input : inputs) {
    Words dims = {"batch"};
    dims.insert(dims.end(), input.dims.begin(), input.dims.end());
    parts.inputs.push_back(symbolic_info(input.name, dims));
    std::string rows = input.name;
    if (!input.dims.empty()) {
      std::vector<std::int64_t> axes;
      for (std::size_t axis = 1; axis <= input.dims.size(); ++axis) {
        axes.push_back(static_cast<std::int64_t>(axis));
      }
      rows = "rows_" + input.name;
      parts.initializers.push_back(temper::test::ints("axes_" + input.name, axes));
      parts.nodes.push_back(temper::test::node("ReduceSum", {input.name, "axes_" + input.name},
                                               {rows},
                                               {temper::test::int_attribute("keepdims", 0)}));
    }
    if (!sum.empty()) {
      parts.nodes.push_back(temper::test::node("Add", {sum, rows}, {"sum_" + input.name}));
      rows = "sum_" + input.name;
    }
    sum = rows;
  }
  parts.nodes.push_back(temper::test::node("Mul", {sum, "w"}, {"y"}));
  std::ofstream(path, std::ios::binary) << parts.bytes();
}

// Whole numbers, so that sums are exact. Returns what the model must say.
std::vector<double> write_sum_data(const std::string& path, const std::vector<TestInput>& inputs,
                                   std::int64_t rows) {
  std::vector<NamedTensor> arrays;
  std::vector<double> expected(static_cast<std::size_t>(rows), 0);
  for (const TestInput& input : inputs) {
    Shape shape{rows};
    for (const std::int64_t size : input.sizes) {
      shape.push_back(size);
    }
    std::vector<float> values;
    for (std::int64_t i = 0; i < shape.element_count(); ++i) {
      values.push_back(static_cast<float>(i % 11));
      expected[static_cast<std::size_t>(i / elements(input))] += 0.5 * values.back();
    }
    arrays.emplace_back(input.name, Tensor::from<float>(DType::kFloat32, shape, values));
  }
  write_npz(path, arrays);
  return expected;
}

Recipe prediction_recipe(const std::string& model, const std::string& data) {
  RecipeSources sources;
  sources.overrides = {"model.path=\"" + model + "\"", "data.train=\"" + data + "\"",
                       "train.threads=1", "data.batch_size=2"};
  return read_recipe(sources);
}

class RandomShapes {
 public:
  explicit RandomShapes(std::uint64_t seed) : random_(seed) {
    const std::int64_t count = up_to(1, 3);
    for (std::int64_t i = 0; i < count; ++i) {
      TestInput input{"in" + std::to_string(i), {}, {}};
      const std::int64_t rank = up_to(0, 3);
      for (std::int64_t axis = 0; axis < rank; ++axis) {
        add_dim(input);
      }
      inputs_.push_back(input);
    }
  }

  const std::vector<TestInput>& inputs() const { return inputs_; }

  // One dimension with another size. `bound`: one that is a number, or a name that another has.
  std::vector<TestInput> changed(bool bound) {
    std::vector<std::pair<std::size_t, std::size_t>> places;
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      for (std::size_t axis = 0; axis < inputs_[i].dims.size(); ++axis) {
        const std::string& dim = inputs_[i].dims[axis];
        const bool number = !dim.empty() && dim[0] >= '0' && dim[0] <= '9';
        if ((number || uses_[dim] > 1) == bound) {
          places.emplace_back(i, axis);
        }
      }
    }
    if (places.empty()) {
      return {};
    }
    const auto [input, axis] =
        places[static_cast<std::size_t>(up_to(0, static_cast<std::int64_t>(places.size()) - 1))];
    std::vector<TestInput> made = inputs_;
    std::int64_t& size = made[input].sizes[axis];
    size = size == 1 || up_to(0, 1) == 0 ? size + up_to(1, 900) : size - 1;
    return made;
  }

 private:
  std::int64_t up_to(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  }

  void add_dim(TestInput& input) {
    const std::int64_t size = up_to(1, 4);
    switch (up_to(0, 3)) {
      case 0:
        input.dims.push_back(std::to_string(size));
        break;
      case 1:
        input.dims.push_back(Words{"", "?", "None", "-1"}[static_cast<std::size_t>(up_to(0, 3))]);
        break;
      default: {
        const std::string name = up_to(0, 1) == 0 ? "seq" : "width";
        input.dims.push_back(name);
        ++uses_[name];
        input.sizes.push_back(names_.emplace(name, size).first->second);
        return;
      }
    }
    input.sizes.push_back(size);
  }

  std::mt19937_64 random_;
  std::vector<TestInput> inputs_;
  std::map<std::string, int> uses_;
  std::map<std::string, std::int64_t> names_;
};

TEST(InputShapes, OfRandomModelsAndDataAreComputedRightOrNeverReachAKernel) {
  const TempFolder folder;
  const std::string model = folder.path("m.onnx");
  const std::string data = folder.path("d.npz");
  int refused = 0;
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    RandomShapes shapes(seed);
    SCOPED_TRACE(seed);
    write_sum_model(model, shapes.inputs());
    for (const std::vector<TestInput>& good : {shapes.inputs(), shapes.changed(false)}) {
      if (!good.empty()) {
        const std::vector<double> expected = write_sum_data(data, good, 5);
        const Prediction made = predict(prediction_recipe(model, data));
        EXPECT_EQ(made.outputs.front().second.values<double>(), expected);
      }
    }
    const std::vector<TestInput> bad = shapes.changed(true);
    if (!bad.empty()) {
      ++refused;
      write_sum_data(data, bad, 5);
      expect_error([&] { predict(prediction_recipe(model, data)); }, ErrorCode::kInvalidData,
                   "d.npz, array 'in");
    }
  }
  EXPECT_GT(refused, 80);
}

class ShapesOfData : public testing::Test {
 protected:
  void model(const std::vector<TestInput>& inputs) const {
    write_sum_model(folder_.path("m.onnx"), inputs);
  }
  Recipe recipe(const std::string& data) const {
    return prediction_recipe(folder_.path("m.onnx"), folder_.path(data));
  }
  template <class... Parts>
  void refused(const std::string& data, const Parts&... parts) const {
    expect_error([&] { predict(recipe(data)); }, ErrorCode::kInvalidData, parts...);
  }
  std::vector<double> first_output(const std::string& data) const {
    return predict(recipe(data)).outputs.front().second.values<double>();
  }

  TempFolder folder_;
};

TEST_F(ShapesOfData, NameATranspositionThatWouldFit) {
  model({{"x", {"3", "H", "W"}, {}}});
  write_sum_data(folder_.path("d.npz"), {{"x", {}, {6, 5, 3}}}, 4);
  refused("d.npz", "has the shape [6,5,3]", "takes [3,H,W]", "NHWC", "transpose(0, 3, 1, 2)");
  model({{"x", {"H", "W", "3"}, {}}});
  write_sum_data(folder_.path("d.npz"), {{"x", {}, {3, 6, 5}}}, 4);
  refused("d.npz", "takes [H,W,3]", "NCHW", "transpose(0, 2, 3, 1)");
  model({{"x", {"4", "8", "8"}, {}}});  // all known: the reader of the file says so
  write_sum_data(folder_.path("d.npz"), {{"x", {}, {8, 8, 4}}}, 4);
  refused("d.npz", "rows of shape [8,8,4]", "takes [4,8,8]", "transpose(0, 3, 1, 2)");
  model({{"x", {"2", "length"}, {}}});
  write_sum_data(folder_.path("d.npz"), {{"x", {}, {7, 2}}}, 4);
  refused("d.npz", "its last axis seems to be the model's first", "transpose(0, 2, 1)");
}

TEST_F(ShapesOfData, HaveOneSizeForOneNameAndAnyForNone) {
  model({{"ids", {"seq", "4"}, {}}, {"mask", {"seq", "4"}, {}}});
  write_sum_data(folder_.path("d.npz"), {{"ids", {}, {3, 4}}, {"mask", {}, {900, 4}}}, 4);
  refused("d.npz", "dimension 1 of 'mask' is 900", "dimension 1 of 'ids'", "same name 'seq'",
          "is 3");
  model({{"x", {"3", "?", "?"}, {}}});
  const std::vector<double> expected =
      write_sum_data(folder_.path("d.npz"), {{"x", {}, {3, 48, 192}}}, 3);
  EXPECT_EQ(first_output("d.npz"), expected);
}

TEST_F(ShapesOfData, HaveTheModelsRank) {
  model({{"x", {"H", "W"}, {}}});
  write_sum_data(folder_.path("d.npz"), {{"x", {}, {12}}}, 4);
  refused("d.npz", "has the shape [12]", "takes [H,W]");
  write_sum_data(folder_.path("d.npz"), {{"x", {}, {2, 3, 2}}}, 4);
  refused("d.npz", "has the shape [2,3,2]");
  // Dimensions of 1 that the model names are no question.
  model({{"x", {"1", "H", "W"}, {}}});
  const std::vector<double> expected =
      write_sum_data(folder_.path("d.npz"), {{"x", {}, {2, 5}}}, 4);
  EXPECT_EQ(first_output("d.npz"), expected);
}

TEST_F(ShapesOfData, AreNotTheBatchUnderItsName) {
  model({{"x", {"batch"}, {}}});
  write_sum_data(folder_.path("d.npz"), {{"x", {}, {6}}}, 4);
  expect_error([&] { predict(recipe("d.npz")); }, ErrorCode::kInvalidArgument,
               "dimension 1 of 'x' (6 in", "is named 'batch', as the batch is");
}

TEST_F(ShapesOfData, AreCheckedOfRecordsTablesAndSingleArrays) {
  model({{"x", {"4", "2"}, {}}});
  folder_.write("d.jsonl", "{\"x\": [[1, 2, 3], [4, 5, 6]]}\n");
  refused("d.jsonl", "d.jsonl", "[2,3]", "[4,2]");
  model({{"x", {"seq"}, {}}, {"z", {"seq"}, {}}});
  folder_.write("d.jsonl", "{\"x\": [1.5, 2.5, 3.5], \"z\": [1.5, 2.5]}\n");
  refused("d.jsonl", "d.jsonl:1: field 'z'", "is 2", "'seq'", "d.jsonl:1: field 'x'");
  model({{"x", {"4"}, {}}});
  folder_.write("d.csv", "a,b,c\n1,2,3\n4,5,6\n");
  refused("d.csv", "d.csv", "[2]", "[4]");  // c is the target
  model({{"x", {"3", "W"}, {}}});
  folder_.write("d.csv", "a,b,c,d\n1,2,3,4\n4,5,6,7\n");
  refused("d.csv", "d.csv:2", "[3]", "[3,W]");
  write_npy(folder_.path("d.npy"),
            Tensor::from<float>(DType::kFloat32, {2, 5, 2}, std::vector<float>(20, 1)));
  refused("d.npy", "d.npy", "[5,2]", "[3,W]");
}

TEST_F(ShapesOfData, OfTheValidationSetAreThoseOfTheTrainingSet) {
  model({{"x", {"4", "seq"}, {}}});
  const auto write = [&](const std::string& name, std::int64_t seq) {
    std::vector<float> values(static_cast<std::size_t>(6 * 4 * seq), 1);
    write_npz(folder_.path(name),
              {{"x", Tensor::from<float>(DType::kFloat32, {6, 4, seq}, values)},
               {"target", Tensor::from<float>(DType::kFloat32, {6}, std::vector<float>(6, 1))}});
  };
  write("train.npz", 3);
  write("val.npz", 900);
  const auto start = [&](const std::string& val) {
    RecipeSources sources;
    sources.overrides = {"model.path=\"" + folder_.path("m.onnx") + "\"",
                         "data.train=\"" + folder_.path("train.npz") + "\"",
                         "data.val=\"" + folder_.path(val) + "\"", "train.threads=1"};
    SessionNeeds needs;
    needs.trains = false;  // the model has no weights
    Session session(read_recipe(sources), {}, needs);
  };
  start("train.npz");
  expect_error([&] { start("val.npz"); }, ErrorCode::kInvalidData, "val.npz, array 'x'",
               "f32[4,900]", "train.npz, array 'x'", "f32[4,3]");
}

TEST(InputShapes, OfATeacherAreThoseOfTheModel) {
  const auto with_input = [](const std::string& name, std::vector<graph::Dim> dims) {
    graph::Graph graph(graph::standard_ops());
    graph.add_input(name, DType::kFloat32, std::move(dims));
    return graph;
  };
  const graph::Graph model = with_input("x", {{-1, "batch"}, {6, ""}, {6, ""}});
  graph::Graph good = with_input("pixels", {{-1, "n"}, {-1, "side"}, {-1, "side"}});
  settle_teacher_shapes(good, model);
  EXPECT_EQ(good.value(good.inputs[0]).name, "x");
  EXPECT_EQ(good.value(good.inputs[0]).dims[2].value, 6);
  graph::Graph bad = with_input("pixels", {{-1, "n"}, {-1, "h"}, {5, ""}});
  expect_error([&] { settle_teacher_shapes(bad, model); }, ErrorCode::kInvalidData,
               "the model's input 'x' has the shape [6,6]", "the teacher's input 'pixels'",
               "[h,5]");
  graph::Graph other = with_input("y", {{-1, "n"}, {6, ""}, {6, ""}});
  other.add_input("z", DType::kFloat32, std::vector<graph::Dim>{{-1, "n"}});
  expect_error([&] { settle_teacher_shapes(other, model); }, ErrorCode::kInvalidArgument,
               "the teacher has an input 'y' that the model has not (it has x)");
}

class ShapesOfGans : public TinyGans {};

TEST_F(ShapesOfGans, AreCheckedToo) {
  write_npz(folder_.path("train.npz"),
            {{"x", Tensor::from<float>(DType::kFloat32, {8, 5}, std::vector<float>(40, 1))}});
  expect_error([&] { AdversarialSession{recipe(folder_.path("out"))}; }, ErrorCode::kInvalidData,
               "array 'x'", "[5]", "[6]");
}

}  // namespace
}  // namespace temper::training
