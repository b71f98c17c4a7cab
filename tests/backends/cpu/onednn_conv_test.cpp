// Conv and its gradients on oneDNN against the reference, over strides, dilations, groups,
// paddings, ranks and layouts.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/backends/cpu/window_cases.h"

namespace temper::cpu {
namespace {

TEST(OneDnnConv, ForwardEqualsTheReference) {
  for (const ConvCase& c : conv_cases()) {
    SCOPED_TRACE(to_string(c.x) + " " + to_string(c.w));
    const Tensor x = random_tensor(c.x, 1), w = random_tensor(c.w, 2);
    const Tensor b = random_tensor(Shape{c.w[0]}, 3);
    for (const int threads : {1, 2}) {
      for (const bool free : {true, false}) {
        RunOptions options{.threads = threads};
        if (free) {
          options.free_inputs = {1};
        }
        expect_matches_reference("Conv", c.attrs(), {x, w, b}, {{.shape = c.y()}}, options);
      }
    }
    expect_matches_reference("Conv", c.attrs(), {x, w}, {{.shape = c.y()}});
    Attrs relu = c.attrs();
    relu.set("relu", std::int64_t{1});
    expect_matches_reference("Conv", relu, {x, w, b}, {{.shape = c.y()}});
    relu.set("ceiling", 0.3);
    expect_matches_reference("Conv", relu, {x, w, b}, {{.shape = c.y()}});
  }
}

TEST(OneDnnConv, TakesTheWeightBlockingItChoseBefore) {
  for (const ConvCase& c : conv_cases()) {
    SCOPED_TRACE(to_string(c.x) + " " + to_string(c.w));
    const Tensor x = random_tensor(c.x, 1), w = random_tensor(c.w, 2);
    const auto first =
        run_op(cpu_backend(), "Conv", c.attrs(), {x, w}, {{.shape = c.y()}}, {.free_inputs = {1}});
    const Layout chosen = first.kernel->input_layouts[1];
    ConvCase smaller = c;
    smaller.x[0] = 1;
    const auto second =
        expect_matches_reference("Conv", c.attrs(), {random_tensor(smaller.x, 4), w},
                                 {{.shape = smaller.y()}}, {.layouts = {Layout{}, chosen}});
    EXPECT_EQ(to_string(second.kernel->input_layouts[1]), to_string(chosen));
  }
}

TEST(OneDnnConv, GradientsEqualTheReference) {
  for (const ConvCase& c : conv_cases()) {
    SCOPED_TRACE(to_string(c.x) + " " + to_string(c.w));
    const Tensor x = random_tensor(c.x, 1), w = random_tensor(c.w, 2), dy = random_tensor(c.y(), 3);
    const auto forward =
        run_op(cpu_backend(), "Conv", c.attrs(), {x, w}, {{.shape = c.y()}}, {.free_inputs = {1}});
    const Layout lx = forward.kernel->input_layouts[0], lw = forward.kernel->input_layouts[1],
                 ly = forward.kernel->output_layouts[0];
    Attrs attrs = c.attrs();
    attrs.set("input_shape", std::vector<std::int64_t>(c.x.begin(), c.x.end()));
    attrs.set("weight_shape", std::vector<std::int64_t>(c.w.begin(), c.w.end()));
    const Value db{.shape = Shape{c.w[0]}};
    for (const bool blocked : {false, true}) {
      RunOptions data, weights;
      Value dw{.shape = c.w};
      if (blocked) {
        data.layouts = {lw, ly};
        weights.layouts = {lx, ly};
        dw.layout = lw;
      }
      expect_matches_reference("ConvGradData", attrs, {w, dy}, {{.shape = c.x}}, data);
      expect_matches_reference("ConvGradWeights", attrs, {x, dy}, {dw, db}, weights);
      dw.layout_free = true;
      expect_matches_reference("ConvGradWeights", attrs, {x, dy}, {dw}, weights);
    }
  }
}

// For the far dilations of long signals the library would write dy out as a matrix.
TEST(OneDnnConv, DataGradientsOfDilatedSignalsAreConvolutionsByTurnedWeights) {
  for (const ConvCase& c : {ConvCase{{2, 32, 1998}, {64, 32, 3}, {1}, {0, 0}, {64}},
                            ConvCase{{2, 48, 1998}, {64, 48, 4}, {1}, {60, 100}, {64}}}) {
    SCOPED_TRACE(to_string(c.x) + " " + to_string(c.w));
    Attrs attrs = c.attrs();
    attrs.set("input_shape", std::vector<std::int64_t>(c.x.begin(), c.x.end()));
    const auto dx = expect_matches_reference(
        "ConvGradData", attrs, {random_tensor(c.w, 1), random_tensor(c.y(), 2)}, {{.shape = c.x}});
    const auto y = run_op(cpu_backend(), "Conv", c.attrs(),
                          {random_tensor(c.x, 3), random_tensor(c.w, 1)}, {{.shape = c.y()}});
    if (y.kernel->description.find("avx512") != std::string::npos) {  // elsewhere it may have one
      EXPECT_NE(dx.kernel->description.find("turned weights"), std::string::npos)
          << dx.kernel->description;
    }
  }
}

TEST(OneDnnConv, RefusesOtherDtypesAndEmptyTensors) {
  const ConvCase c = conv_cases()[1];
  const Attrs attrs = c.attrs();
  OpQuery query = make_query("Conv", attrs, {random_tensor(c.x, 1), random_tensor(c.w, 2)},
                             {{.shape = c.y()}}, {});
  const auto& rows = cpu_backend().kernels().rows("Conv");
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const auto& r) {
    return r->family() == "onednn" && r->supports(query).ok;
  });
  ASSERT_NE(found, rows.end());
  const auto& row = **found;
  query.inputs[0].dtype = query.inputs[1].dtype = query.outputs[0].dtype = DType::kFloat64;
  EXPECT_FALSE(row.supports(query).ok);
  query.inputs[0].dtype = query.inputs[1].dtype = query.outputs[0].dtype = DType::kFloat32;
  query.inputs[0].shape[0] = query.outputs[0].shape[0] = 0;
  EXPECT_FALSE(row.supports(query).ok);
}

}  // namespace
}  // namespace temper::cpu
