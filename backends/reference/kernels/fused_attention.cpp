// FusedAttention and its gradient, query by query; scores, shares and sums in double.
#include <algorithm>
#include <cmath>
#include <limits>

#include "backends/common/philox.h"
#include "backends/host/strided_view.h"
#include "backends/reference/elementwise.h"
#include "backends/reference/type_support.h"

namespace temper::reference {
namespace {

enum Input : std::size_t {
  kQuery,
  kKey,
  kValue,
  kBias,
  kPosition,
  kOutput,
  kLogSum,
  kOutputGradient
};

struct AttentionPlan {
  std::int64_t batch = 1, queries = 0, keys = 0, size = 0, values = 0;
  std::int64_t key_step = 0, key_element = 0;  // of k, from key to key and within one
  double scale = 1;
  bool causal = false, zero_rows = false, biased = false;
  StridedView bias;  // as [batch.., queries, keys]
  std::int64_t bias_elements = 0;
  double ratio = 0;             // of the shares that are dropped
  std::int64_t per_sample = 1;  // shares
  PhiloxStream stream{0, 0};

  std::int64_t seen(std::int64_t query) const { return causal ? std::min(keys, query + 1) : keys; }
};

AttentionPlan plan_attention(const OpQuery& query) {
  const Attrs& attrs = *query.attrs;
  const Shape &q = query.inputs[kQuery].shape, &v = query.inputs[kValue].shape;
  const int rank = q.rank();
  AttentionPlan plan;
  plan.batch = q.count(0, rank - 2);
  plan.queries = q[rank - 2];
  plan.size = q[rank - 1];
  plan.keys = v[rank - 2];
  plan.values = v[rank - 1];
  const bool turned = attrs.get_int("k_transposed", 0) != 0;
  plan.key_step = turned ? 1 : plan.size;
  plan.key_element = turned ? plan.keys : 1;
  plan.scale = attrs.get_double("scale", 1);
  plan.causal = attrs.get_int("causal", 0) != 0;
  plan.zero_rows = attrs.get_int("zero_rows", 0) != 0;
  plan.biased = has_input(query, kBias);
  if (plan.biased) {
    Shape scores = q;
    scores[rank - 1] = plan.keys;
    plan.bias = expand_view(query.inputs[kBias].shape, scores);
    plan.bias_elements = query.inputs[kBias].shape.element_count();
  }
  plan.ratio = attrs.get_double("ratio", 0);
  plan.per_sample = (rank > 2 ? q.count(1, rank - 1) : 1) * plan.keys;
  plan.stream = PhiloxStream(static_cast<std::uint64_t>(attrs.get_int("seed", 0)),
                             static_cast<std::uint64_t>(attrs.get_int("random_id", 0)));
  return plan;
}

template <class T>
class Attention {
 public:
  Attention(const AttentionPlan& plan, const KernelArgs& args)
      : plan_(plan), args_(args), p_(static_cast<double*>(args.workspace)), dp_(p_ + plan.keys) {}

  void forward() {
    for_each_query([&](std::int64_t b, std::int64_t i) {
      const double top = scores(b, i);
      const bool empty = plan_.zero_rows && top == -std::numeric_limits<double>::infinity();
      double sum = 0;
      for (std::int64_t j = 0; j < plan_.keys; ++j) {
        p_[j] = empty || j >= plan_.seen(i) ? 0 : std::exp(p_[j] - top);
        sum += p_[j];
      }
      const std::int64_t row = b * plan_.queries + i;
      for (std::int64_t e = 0; e < plan_.values; ++e) {
        double y = 0;
        for (std::int64_t j = 0; j < plan_.keys; ++j) {
          y += p_[j] * kept(row, j) * value(b, j, e);
        }
        output<T>(0)[row * plan_.values + e] = static_cast<T>(empty ? 0 : y / sum);
      }
      if (args_.outputs[1] != nullptr) {
        output<T>(1)[row] = static_cast<T>(empty ? 0 : top + std::log(sum));
      }
    });
  }

  // The workspace holds the gradients in double behind the two rows.
  void backward() {
    const std::int64_t queries = plan_.batch * plan_.queries * plan_.size;
    const std::int64_t keys = plan_.batch * plan_.keys * plan_.size;
    const std::int64_t values = plan_.batch * plan_.keys * plan_.values;
    double* dq = dp_ + plan_.keys;
    double *dk = dq + queries, *dv = dk + keys, *dbias = dv + values;
    std::fill(dq, dbias + plan_.bias_elements, 0.0);
    for_each_query([&](std::int64_t b, std::int64_t i) {
      score_gradients(b, i);
      const std::int64_t row = b * plan_.queries + i;
      for (std::int64_t j = 0; j < plan_.seen(i); ++j) {
        for (std::int64_t e = 0; e < plan_.size; ++e) {
          dq[row * plan_.size + e] += plan_.scale * dp_[j] * input(kKey)[key_at(b, j, e)];
          dk[key_at(b, j, e)] += plan_.scale * dp_[j] * input(kQuery)[row * plan_.size + e];
        }
        for (std::int64_t e = 0; e < plan_.values; ++e) {
          dv[(b * plan_.keys + j) * plan_.values + e] +=
              p_[j] * kept(row, j) * input(kOutputGradient)[row * plan_.values + e];
        }
        if (plan_.biased) {
          dbias[bias_at(b, i, j)] += dp_[j];
        }
      }
    });
    write(dq, queries, 0);
    write(dk, keys, 1);
    write(dv, values, 2);
    write(dbias, plan_.bias_elements, 3);
  }

  static std::int64_t doubles(const AttentionPlan& plan, bool backward) {
    const std::int64_t all = plan.queries * plan.size + plan.keys * (plan.size + plan.values);
    return 2 * plan.keys + (backward ? plan.batch * all + plan.bias_elements : 0);
  }

 private:
  const T* input(std::size_t i) const { return static_cast<const T*>(args_.inputs[i]); }
  template <class U>
  U* output(std::size_t i) const {
    return static_cast<U*>(args_.outputs[i]);
  }
  std::int64_t key_at(std::int64_t b, std::int64_t j, std::int64_t e) const {
    return b * plan_.keys * plan_.size + j * plan_.key_step + e * plan_.key_element;
  }
  double value(std::int64_t b, std::int64_t j, std::int64_t e) const {
    return static_cast<double>(input(kValue)[(b * plan_.keys + j) * plan_.values + e]);
  }

  // By what a share is multiplied that is dropped or not: 0 or more than 1.
  double kept(std::int64_t row, std::int64_t j) const {
    if (plan_.ratio == 0) {
      return 1;
    }
    const auto position =
        static_cast<std::uint64_t>(*static_cast<const std::int64_t*>(args_.inputs[kPosition]));
    const std::uint32_t word =
        plan_.stream.word(position * static_cast<std::uint64_t>(plan_.per_sample) +
                          static_cast<std::uint64_t>(row * plan_.keys + j));
    const bool keeps = static_cast<double>(philox_uniform(word)) >= plan_.ratio;
    return keeps ? 1 / (1 - plan_.ratio) : 0;
  }

  template <class F>
  void for_each_query(const F& f) const {
    for (std::int64_t b = 0; b < plan_.batch; ++b) {
      for (std::int64_t i = 0; i < plan_.queries; ++i) {
        f(b, i);
      }
    }
  }

  std::int64_t bias_at(std::int64_t b, std::int64_t i, std::int64_t j) const {
    const Shape& shape = plan_.bias.shape;
    const Shape& strides = plan_.bias.strides;
    std::int64_t at = i * strides[shape.rank() - 2] + j * strides[shape.rank() - 1];
    for (int axis = shape.rank() - 3; axis >= 0; --axis) {
      at += b % shape[axis] * strides[axis];
      b /= shape[axis];
    }
    return at;
  }

  // The scores of a query in p_; gives the greatest, NaN where there is one.
  double scores(std::int64_t b, std::int64_t i) const {
    double top = -std::numeric_limits<double>::infinity();
    for (std::int64_t j = 0; j < plan_.seen(i); ++j) {
      double sum = 0;
      for (std::int64_t e = 0; e < plan_.size; ++e) {
        sum += static_cast<double>(input(kQuery)[(b * plan_.queries + i) * plan_.size + e]) *
               static_cast<double>(input(kKey)[key_at(b, j, e)]);
      }
      p_[j] = plan_.scale * sum;
      if (plan_.biased) {
        p_[j] += static_cast<double>(input(kBias)[bias_at(b, i, j)]);
      }
      top = p_[j] > top || std::isnan(p_[j]) ? p_[j] : top;
    }
    return top;
  }

  // p_: the shares of a query, dp_: the gradients of its scores.
  void score_gradients(std::int64_t b, std::int64_t i) const {
    scores(b, i);
    const std::int64_t row = b * plan_.queries + i;
    const T* dy = input(kOutputGradient) + row * plan_.values;
    double through = 0;
    for (std::int64_t e = 0; e < plan_.values; ++e) {
      through +=
          static_cast<double>(dy[e]) * static_cast<double>(input(kOutput)[row * plan_.values + e]);
    }
    const double lse = static_cast<double>(input(kLogSum)[row]);
    for (std::int64_t j = 0; j < plan_.seen(i); ++j) {
      double sum = 0;
      for (std::int64_t e = 0; e < plan_.values; ++e) {
        sum += static_cast<double>(dy[e]) * value(b, j, e);
      }
      p_[j] = std::exp(p_[j] - lse);
      dp_[j] = p_[j] * (sum * kept(row, j) - through);
    }
  }

  void write(const double* from, std::int64_t count, std::size_t i) const {
    if (args_.outputs[i] != nullptr) {
      std::transform(from, from + count, output<T>(i), [](double x) { return static_cast<T>(x); });
    }
  }

  const AttentionPlan& plan_;
  const KernelArgs& args_;
  double *p_, *dp_;
};

template <class T>
std::unique_ptr<Kernel> attention_kernel(const OpQuery& query, bool backward) {
  const AttentionPlan plan = plan_attention(query);
  auto kernel = make_kernel(
      [=, outputs = query.outputs.size(), inputs = query.inputs.size()](const KernelArgs& given) {
        void* made[4] = {};
        std::copy_n(given.outputs, outputs, made);
        void* read[kOutputGradient + 1] = {};
        std::copy_n(given.inputs, inputs, read);
        KernelArgs args = given;
        args.outputs = made;
        args.inputs = read;
        Attention<T> attention(plan, args);
        backward ? attention.backward() : attention.forward();
      });
  kernel->workspace_bytes =
      static_cast<std::size_t>(Attention<T>::doubles(plan, backward)) * sizeof(double);
  return kernel;
}

Support supports(const OpQuery& query) {
  return one_float_type(query, {kQuery, kKey, kValue, kBias, kOutput, kLogSum, kOutputGradient});
}

}  // namespace

void register_fused_attention(KernelTable& table) {
  for (const bool backward : {false, true}) {
    table.add(backward ? "FusedAttentionGrad" : "FusedAttention", kFamily, supports,
              [backward](const OpQuery& query) {
                return visit_float(query.inputs[kQuery].dtype,
                                   [&]<class T>() { return attention_kernel<T>(query, backward); });
              });
  }
}

}  // namespace temper::reference
