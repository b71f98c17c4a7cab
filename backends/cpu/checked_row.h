// A row of the table whose bf16 code is not taken on trust: libraries have been seen to compute
// wrong sums by the bf16 instructions of some processors (a convolution of ones gave 1 where 4 is
// right). Once per process and kind of query the kernel runs on a few small whole numbers, of which
// every product and sum is exact, beside the f32 kernel of another row. Where they differ, the row
// refuses bf16, so that a row behind it is taken, and a warning says so.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "runtime/backend/kernel_table.h"

namespace temper::cpu {

// A dimension of at most 31 that is a number of whole blocks of 16 where `n` is.
constexpr std::int64_t few(std::int64_t n) { return n < 32 ? n : 16 + n % 16; }

// A query with the same code to run and few elements; its attributes are its own.
struct SmallQuery {
  Attrs attrs;
  OpQuery query;
};

// The query with few() of every dimension: equal ones stay equal, so products stay products.
SmallQuery with_few_rows(const OpQuery& query);

// "" or what was wrong: `tested` takes the query, `oracle` takes it in f32.
std::string compare_rows(const KernelImpl& tested, const KernelImpl& oracle,
                         const SmallQuery& small);

class CheckedRow final : public KernelImpl {
 public:
  // The oracle is the first row of the table, of another family than this, that takes the small
  // query in f32.
  CheckedRow(const KernelTable& table, std::unique_ptr<KernelImpl> row,
             SmallQuery (*shrink)(const OpQuery&));

  std::string_view family() const override { return row_->family(); }
  Support supports(const OpQuery& query) const override;
  std::unique_ptr<Kernel> prepare(const OpQuery& query) const override {
    return row_->prepare(query);
  }

 private:
  std::string verdict(const OpQuery& query) const;

  const KernelTable& table_;
  std::unique_ptr<KernelImpl> row_;
  SmallQuery (*shrink_)(const OpQuery&);
  // By kind of query. Threading: plans may be made by several threads.
  mutable std::mutex mutex_;
  mutable std::map<std::string, std::string> verdicts_;
};

}  // namespace temper::cpu
