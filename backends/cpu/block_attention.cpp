#include "backends/cpu/block_attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "backends/cpu/attention_loops.h"
#include "backends/cpu/random_loops.h"

namespace temper::cpu {
namespace {

constexpr std::int64_t kQueries = AttentionPlan::kQueries, kKeys = AttentionPlan::kKeys;
constexpr float kNothing = -std::numeric_limits<float>::infinity();

// Some memory of the calling thread, handed out in order.
class Lines {
 public:
  explicit Lines(float* first) : first_(first) {}  // null: only counts
  float* take(std::int64_t count) {
    float* taken = first_ == nullptr ? nullptr : first_ + taken_;
    taken_ += (count + 15) / 16 * 16;
    return taken;
  }
  std::int64_t taken() const { return taken_; }

 private:
  float* first_;
  std::int64_t taken_ = 0;
};

// Keys and values (or their like) packed as right factors.
struct Packed {
  float *scores, *second, *third;

  Packed(const AttentionPlan& plan, bool backward, Lines& lines)
      : scores(lines.take(packed_floats(plan.size, plan.keys))),
        second(lines.take(backward ? packed_floats(plan.values, plan.keys)
                                   : plan.keys * plan.padded_values())),
        third(lines.take(backward ? plan.keys * plan.padded_size() : 0)) {}
};

MatrixView key_rows(const AttentionPlan& plan, const float* k) {
  return plan.turned ? MatrixView{k, 1, plan.keys} : MatrixView{k, plan.size, 1};
}
MatrixView turned(const MatrixView& a) { return {a.data, a.column, a.row}; }

// [keys, columns] in blocks of keys, each packed by itself: the one at `key` at key * padded
// columns.
void pack_blocks(const MatrixView& rows, std::int64_t keys, std::int64_t columns,
                 std::int64_t padded, float* packed) {
  for (std::int64_t key = 0; key < keys; key += kKeys) {
    pack_panels({rows.data + key * rows.row, rows.row, rows.column}, std::min(kKeys, keys - key),
                columns, packed + key * padded);
  }
}

// The random words of some shares of one query, by which they are dropped.
class DroppedShares {
 public:
  DroppedShares(const AttentionPlan& plan, const KernelArgs& args, std::int64_t row,
                std::int64_t key, std::int64_t count)
      : plan_(plan), count_(plan.drops() ? count : 0) {
    if (count_ > 0) {
      const auto batch =
          static_cast<std::uint64_t>(*static_cast<const std::int64_t*>(args.inputs[kPosition]));
      const std::uint64_t position = batch * static_cast<std::uint64_t>(plan.shares_per_sample) +
                                     static_cast<std::uint64_t>(row * plan.keys + key);
      skipped_ = static_cast<std::int64_t>(position % 4);
      philox_words(plan.stream, position / 4, (skipped_ + count + 3) / 4, words_);
    }
  }
  void operator()(float* shares) const {
    if (count_ > 0) {
      drop(words_ + skipped_, plan_.bound, shares, plan_.kept_scale, shares, nullptr, count_);
    }
  }

 private:
  static constexpr std::int64_t kWords =
      (kKeys + 4 + kPhiloxWords - 1) / kPhiloxWords * kPhiloxWords;
  const AttentionPlan& plan_;
  std::int64_t count_, skipped_ = 0;
  std::uint32_t words_[kWords];
};

// --- forward -------------------------------------------------------------------

class Forward {
 public:
  Forward(const AttentionPlan& plan, const KernelArgs& args, Lines lines)
      : plan_(plan),
        args_(args),
        packed_(plan, false, lines),
        scores_(lines.take(kQueries * kKeys)) {
    floats = lines.taken();
  }
  std::int64_t floats = 0;

  void run(std::int64_t b, std::int64_t part) {
    const auto* k = static_cast<const float*>(args_.inputs[kKey]) + b * plan_.keys * plan_.size;
    const auto* v = static_cast<const float*>(args_.inputs[kValue]) + b * plan_.keys * plan_.values;
    const std::int64_t block = plan_.block();
    const std::int64_t begin = plan_.blocks() * part / plan_.parts * block;
    const std::int64_t end =
        std::min(plan_.queries, plan_.blocks() * (part + 1) / plan_.parts * block);
    pack_panels(turned(key_rows(plan_, k)), plan_.size, plan_.keys, packed_.scores);
    pack_blocks({v, plan_.values, 1}, plan_.keys, plan_.values, plan_.padded_values(),
                packed_.second);
    for (std::int64_t first = begin; first < end; first += block) {
      run_block(b, first, std::min(block, end - first));
    }
  }

 private:
  void run_block(std::int64_t b, std::int64_t first, std::int64_t count) {
    float tops[kQueries], sums[kQueries];
    std::fill(tops, tops + count, kNothing);
    std::fill(sums, sums + count, 0.0f);
    const std::int64_t row = b * plan_.queries + first;
    const float* q = static_cast<const float*>(args_.inputs[kQuery]) + row * plan_.size;
    float* y = static_cast<float*>(args_.outputs[0]) + row * plan_.values;
    for (std::int64_t key = 0; key < plan_.keys; key += kKeys) {
      const std::int64_t keys = std::min(kKeys, plan_.keys - key);
      const std::int64_t seen = plan_.seen(first + count - 1, key, keys);
      if (seen == 0) {
        break;
      }
      panel_product({q, plan_.size, 1}, packed_.scores + key * plan_.size, count, seen, plan_.size,
                    false, scores_, kKeys);
      for (std::int64_t i = 0; i < count; ++i) {
        share(b, first + i, key, seen, scores_ + i * kKeys, tops[i], sums[i],
              key == 0 ? nullptr : y + i * plan_.values);
      }
      panel_product({scores_, kKeys, 1}, packed_.second + key * plan_.padded_values(), keys, count,
                    plan_.values, seen, key > 0, y, plan_.values);
    }
    finish(count, row, tops, sums, y);
  }

  // Of the keys of a block, its last query sees `keys`. Turns a query's scores of one block into
  // shares that are relative to its greatest score so far; `y`, what there is of the output,
  // becomes relative to it too.
  void share(std::int64_t b, std::int64_t query, std::int64_t key, std::int64_t keys, float* s,
             float& top, float& sum, float* y) const {
    const std::int64_t seen = plan_.seen(query, key, keys);
    std::fill(s + seen, s + keys, 0.0f);
    if (seen == 0) {
      return;
    }
    const float* bias = plan_.bias_row(args_.inputs[kBias], b, query);
    const float here =
        score_row(seen, s, plan_.scale, bias == nullptr ? bias : bias + key * plan_.bias_step(),
                  plan_.bias_step());
    const float next = here > top || std::isnan(here) ? here : top;
    if (next == kNothing) {
      std::fill(s, s + seen, 0.0f);
      return;
    }
    const float factor = top == kNothing ? 0.0f : std::exp(top - next);
    sum = sum * factor + share_row(seen, s, next);
    DroppedShares(plan_, args_, b * plan_.queries + query, key, seen)(s);
    if (y != nullptr && factor != 1.0f) {
      scale_row(plan_.values, y, factor);
    }
    top = next;
  }

  void finish(std::int64_t count, std::int64_t row, const float* tops, const float* sums,
              float* y) const {
    auto* lse = static_cast<float*>(args_.outputs[1]);
    for (std::int64_t i = 0; i < count; ++i) {
      float* out = y + i * plan_.values;
      float log_sum = tops[i] + std::log(sums[i]);
      if (tops[i] == kNothing) {
        constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
        std::fill(out, out + plan_.values, plan_.zero_rows ? 0.0f : kNan);
        log_sum = plan_.zero_rows ? 0.0f : kNan;
      } else {
        scale_row(plan_.values, out, 1.0f / sums[i]);
      }
      if (lse != nullptr) {
        lse[row + i] = log_sum;
      }
    }
  }

  const AttentionPlan& plan_;
  const KernelArgs& args_;
  Packed packed_;
  float* scores_;
};

// --- backward ------------------------------------------------------------------

class Backward {
 public:
  Backward(const AttentionPlan& plan, const KernelArgs& args, Lines lines)
      : plan_(plan),
        args_(args),
        packed_(plan, true, lines),
        p_(lines.take(kQueries * kKeys)),
        dp_(lines.take(kQueries * kKeys)),
        q_(lines.take(kQueries * plan.padded_size())),
        dy_(lines.take(kQueries * plan.padded_values())),
        dk_rows_(lines.take(plan.turned ? plan.keys * plan.size : 0)) {
    floats = lines.taken();
  }
  std::int64_t floats = 0;

  void run(std::int64_t b) {
    const float* k = input(kKey) + b * plan_.keys * plan_.size;
    const float* v = input(kValue) + b * plan_.keys * plan_.values;
    pack_panels(turned(key_rows(plan_, k)), plan_.size, plan_.keys, packed_.scores);
    pack_panels({v, 1, plan_.values}, plan_.values, plan_.keys, packed_.second);
    pack_blocks(key_rows(plan_, k), plan_.keys, plan_.size, plan_.padded_size(), packed_.third);
    float* dk = output(1) == nullptr ? nullptr : output(1) + b * plan_.keys * plan_.size;
    dk_ = dk != nullptr && plan_.turned ? dk_rows_ : dk;
    dv_ = output(2) == nullptr ? nullptr : output(2) + b * plan_.keys * plan_.values;
    if (dk_ != nullptr) {
      std::fill_n(dk_, plan_.keys * plan_.size, 0.0f);
    }
    if (dv_ != nullptr) {
      std::fill_n(dv_, plan_.keys * plan_.values, 0.0f);
    }
    const std::int64_t block = plan_.block();
    for (std::int64_t first = 0; first < plan_.queries; first += block) {
      run_block(b, first, std::min(block, plan_.queries - first));
    }
    if (dk != nullptr && plan_.turned) {
      for (std::int64_t e = 0; e < plan_.size; ++e) {
        for (std::int64_t j = 0; j < plan_.keys; ++j) {
          dk[e * plan_.keys + j] = dk_rows_[j * plan_.size + e];
        }
      }
    }
  }

 private:
  const float* input(std::size_t i) const { return static_cast<const float*>(args_.inputs[i]); }
  float* output(std::size_t i) const { return static_cast<float*>(args_.outputs[i]); }

  void run_block(std::int64_t b, std::int64_t first, std::int64_t count) {
    const std::int64_t row = b * plan_.queries + first;
    const float* q = input(kQuery) + row * plan_.size;
    const float* dy = input(kOutputGradient) + row * plan_.values;
    float* dq = output(0) == nullptr ? nullptr : output(0) + row * plan_.size;
    pack_panels({q, plan_.size, 1}, count, plan_.size, q_);
    pack_panels({dy, plan_.values, 1}, count, plan_.values, dy_);
    float through[kQueries];
    for (std::int64_t i = 0; i < count; ++i) {
      through[i] =
          dot_row(plan_.values, dy + i * plan_.values, input(kOutput) + (row + i) * plan_.values);
    }
    for (std::int64_t key = 0; key < plan_.keys; key += kKeys) {
      const std::int64_t keys = std::min(kKeys, plan_.keys - key);
      const std::int64_t seen = plan_.seen(first + count - 1, key, keys);
      if (seen == 0) {
        break;
      }
      panel_product({q, plan_.size, 1}, packed_.scores + key * plan_.size, count, seen, plan_.size,
                    false, p_, kKeys);
      panel_product({dy, plan_.values, 1}, packed_.second + key * plan_.values, count, seen,
                    plan_.values, false, dp_, kKeys);
      for (std::int64_t i = 0; i < count; ++i) {
        score_gradients(b, first + i, key, seen, i, through[i]);
      }
      if (dv_ != nullptr) {
        panel_product({p_, 1, kKeys}, dy_, seen, plan_.values, count, true,
                      dv_ + key * plan_.values, plan_.values);
      }
      if (dk_ != nullptr) {
        panel_product({dp_, 1, kKeys}, q_, seen, plan_.size, count, true, dk_ + key * plan_.size,
                      plan_.size);
      }
      if (dq != nullptr) {
        panel_product({dp_, kKeys, 1}, packed_.third + key * plan_.padded_size(), keys, count,
                      plan_.size, seen, key > 0, dq, plan_.size);
      }
    }
  }

  void score_gradients(std::int64_t b, std::int64_t query, std::int64_t key, std::int64_t keys,
                       std::int64_t i, float through) const {
    const std::int64_t seen = plan_.seen(query, key, keys);
    float *p = p_ + i * kKeys, *dp = dp_ + i * kKeys;
    std::fill(p + seen, p + keys, 0.0f);
    std::fill(dp + seen, dp + keys, 0.0f);
    if (seen == 0) {
      return;
    }
    const float* bias = plan_.bias_row(args_.inputs[kBias], b, query);
    const std::int64_t row = b * plan_.queries + query;
    const DroppedShares dropped(plan_, args_, row, key, seen);
    dropped(dp);
    float* dbias = output(kBias);
    const std::int64_t step = plan_.bias_step();
    score_gradient_row(seen, p, plan_.scale, bias == nullptr ? bias : bias + key * step, step,
                       input(kLogSum)[row], dp, through, dbias == nullptr ? plan_.scale : 1.0f);
    dropped(p);
    if (dbias != nullptr) {
      float* place = dbias + plan_.bias_place(b, query) + key * step;
      for (std::int64_t j = 0; j < seen; ++j) {
        place[j * step] += dp[j];
      }
      scale_row(seen, dp, plan_.scale);
    }
  }

  const AttentionPlan& plan_;
  const KernelArgs& args_;
  Packed packed_;
  float *p_, *dp_, *q_, *dy_, *dk_rows_;
  float *dk_ = nullptr, *dv_ = nullptr;
};

}  // namespace

std::int64_t attention_floats(const AttentionPlan& plan, bool backward) {
  return backward ? Backward(plan, {}, Lines(nullptr)).floats
                  : Forward(plan, {}, Lines(nullptr)).floats;
}

void attend(const AttentionPlan& plan, const KernelArgs& args, float* memory, std::int64_t begin,
            std::int64_t end) {
  Forward forward(plan, args, Lines(memory));
  for (std::int64_t i = begin; i < end; ++i) {
    forward.run(i / plan.parts, i % plan.parts);
  }
}

void attend_back(const AttentionPlan& plan, const KernelArgs& args, float* memory,
                 std::int64_t begin, std::int64_t end) {
  Backward backward(plan, args, Lines(memory));
  for (std::int64_t group = begin; group < end; ++group) {
    for (std::int64_t member = 0; member < plan.members; ++member) {
      backward.run(plan.batch_index(group, member));
    }
  }
}

}  // namespace temper::cpu
