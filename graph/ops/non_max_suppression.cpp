// NonMaxSuppression: of each class of each image the boxes of the highest scores that do not
// overlap a better one, as rows (image, class, box). How many there are must be known when the
// graph is compiled, so the inputs must be constants; the answer goes to an attribute.
#include <algorithm>
#include <array>
#include <limits>
#include <numeric>

#include "graph/ir/infer_context.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

using Ints = std::vector<std::int64_t>;

struct Box {
  float left, right, top, bottom;
  float area() const { return (right - left) * (bottom - top); }
};

Box box_at(const std::vector<float>& boxes, std::size_t at, bool from_center) {
  const float a = boxes[at], b = boxes[at + 1], c = boxes[at + 2], d = boxes[at + 3];
  if (from_center) {  // center x, center y, width, height
    return {a - c / 2, a + c / 2, b - d / 2, b + d / 2};
  }
  return {std::min(b, d), std::max(b, d), std::min(a, c), std::max(a, c)};
}

bool overlap(const Box& a, const Box& b, float threshold) {
  const float width = std::min(a.right, b.right) - std::max(a.left, b.left);
  const float height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  if (width <= 0 || height <= 0 || a.area() <= 0 || b.area() <= 0) {
    return false;
  }
  const float both = width * height;
  return both / (a.area() + b.area() - both) > threshold;
}

struct Limits {
  std::int64_t most = 0;
  float overlap = 0;
  float score = -std::numeric_limits<float>::infinity();
  bool has_score = false;
};

// The boxes of one class, from the best on.
Ints select(const std::vector<Box>& boxes, const float* scores, const Limits& limits) {
  Ints order(boxes.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::int64_t a, std::int64_t b) { return scores[a] > scores[b]; });
  Ints selected;
  for (const std::int64_t box : order) {
    if (static_cast<std::int64_t>(selected.size()) >= limits.most) {
      break;
    }
    const auto covers = [&](std::int64_t better) {
      return overlap(boxes[static_cast<std::size_t>(box)], boxes[static_cast<std::size_t>(better)],
                     limits.overlap);
    };
    if ((!limits.has_score || scores[box] > limits.score) &&
        std::none_of(selected.begin(), selected.end(), covers)) {
      selected.push_back(box);
    }
  }
  return selected;
}

Limits limits_of(const InferContext& c) {
  const auto number = [&](int i) {
    c.check(c.constant(i)->element_count() == 1, "input ", i, " has the shape ", c.shape(i),
            ", expected one number");
    return c.constant(i)->values<double>().front();
  };
  Limits limits;
  if (c.has_input(2)) {
    limits.most = static_cast<std::int64_t>(std::clamp(number(2), 0.0, 0x1p53));
  }
  limits.overlap = c.has_input(3) ? static_cast<float>(number(3)) : 0;
  limits.has_score = c.has_input(4);
  limits.score = limits.has_score ? static_cast<float>(number(4)) : limits.score;
  return limits;
}

Ints select_all(const InferContext& c, bool from_center) {
  const Shape boxes = c.shape(0), scores = c.shape(1);
  c.check(boxes.rank() == 3 && boxes[2] == 4 && scores.rank() == 3 && scores[0] == boxes[0] &&
              scores[2] == boxes[1],
          "boxes have the shape ", boxes, " and scores ", scores,
          ", expected [N, B, 4], [N, C, B]");
  const std::vector<float> corners = c.constant(0)->values<float>();
  const std::vector<float> all_scores = c.constant(1)->values<float>();
  const Limits limits = limits_of(c);
  Ints rows;
  for (std::int64_t n = 0; n < boxes[0]; ++n) {
    std::vector<Box> of_image;
    for (std::int64_t i = 0; i < boxes[1]; ++i) {
      of_image.push_back(
          box_at(corners, static_cast<std::size_t>((n * boxes[1] + i) * 4), from_center));
    }
    for (std::int64_t k = 0; k < scores[1]; ++k) {
      const float* of_class = all_scores.data() + (n * scores[1] + k) * scores[2];
      for (const std::int64_t box : select(of_image, of_class, limits)) {
        rows.insert(rows.end(), {n, k, box});
      }
    }
  }
  return rows;
}

void infer_non_max_suppression(InferContext& c) {
  if (c.has_input(0)) {
    for (int i = 0; i < c.input_count(); ++i) {
      TEMPER_CHECK(!c.has_input(i) || c.constant(i) != nullptr, ErrorCode::kUnsupported, "input ",
                   i,
                   " of NonMaxSuppression is computed from data, and so is the shape of its "
                   "output; only values known when the graph is compiled are supported");
    }
    const std::int64_t form = c.attrs().get_int("center_point_box", 0);
    c.check(form == 0 || form == 1, "center_point_box is ", form, ", expected 0 or 1");
    c.attrs().set("value", select_all(c, form == 1));
    for (int i = 0; i < c.input_count(); ++i) {
      c.drop_input(i);
    }
  }
  const std::size_t count = c.attrs().get_ints("value").size();
  c.check(c.attrs().has("value") && count % 3 == 0, "input 0 is missing");
  c.set_output(0, DType::kInt64, {static_cast<std::int64_t>(count) / 3, 3});
}

}  // namespace

void register_non_max_suppression(OpRegistry& ops) {
  ops.add("NonMaxSuppression")
      .inputs(0, 5)
      .absorbs({0, 1, 2, 3, 4})
      .infer(infer_non_max_suppression)
      .no_gradient("integer output");
}

}  // namespace temper::graph
