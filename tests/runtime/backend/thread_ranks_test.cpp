// Ranks that are threads: sums in one order, exchanges of the hosts, and what is said when a rank
// is lost or does something else.
#include "runtime/backend/thread_ranks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>

#include "runtime/base/dtype_visit.h"
#include "runtime/base/error.h"
#include "runtime/base/row_share.h"

namespace temper {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

template <class T>
Communicator::Part part_of(const std::vector<T>& from, std::vector<T>& to) {
  return {from.data(), to.data(), kDTypeOf<T>, static_cast<std::int64_t>(from.size())};
}

TEST(RowShare, GivesEachRowToOneRankAndNoRankTwoMoreThanAnother) {
  for (const std::int64_t all : {3, 7, 8, 9}) {
    std::int64_t next = 0;
    for (int rank = 0; rank < 3; ++rank) {
      const RowShare share = RowShare::of(all, rank, 3);
      EXPECT_EQ(share.first, next);
      EXPECT_GE(share.rows, all / 3);
      EXPECT_LE(share.rows, all / 3 + 1);
      next += share.rows;
    }
    EXPECT_EQ(next, all);
  }
}

// 1e8 + 1 - 1e8 is 0 in f32 and 1 in another order.
TEST(ThreadRanks, SumInTheOrderOfTheRanks) {
  ThreadRanks ranks(3);
  std::array<std::vector<float>, 3> sums;
  const std::array<float, 3> values = {1e8f, 1, -1e8f};
  for (int repetition = 0; repetition < 20; ++repetition) {
    ranks.run([&](Communicator& rank) {
      const auto at = static_cast<std::size_t>(rank.rank());
      std::vector<float> own = {values[at], 1};
      std::vector<std::int64_t> counts = {rank.rank() + 1};
      sums[at] = {0, 0};
      const std::array parts = {part_of(own, sums[at]), part_of(counts, counts)};
      rank.all_reduce(parts, nullptr);
      EXPECT_EQ(counts[0], 6);
    });
    for (const std::vector<float>& sum : sums) {
      EXPECT_THAT(sum, ElementsAre(0, 3));
    }
  }
  EXPECT_EQ(ranks.reductions(), 20);
}

TEST(ThreadRanks, GatherAndBroadcastWhatTheHostsGive) {
  ThreadRanks ranks(3);
  ranks.run([&](Communicator& rank) {
    const auto own = static_cast<std::uint64_t>(rank.rank());
    EXPECT_THAT(rank.gather(10 + own), ElementsAre(10, 11, 12));
    std::array<std::byte, 2> bytes = {std::byte(own), std::byte(own + 5)};
    rank.broadcast(bytes);
    EXPECT_THAT(bytes, ElementsAre(std::byte(0), std::byte(5)));
    require_agreement(rank, 7, "the model");
  });
}

TEST(ThreadRanks, WorkOneAtATimeWhereTheyAreToldTo) {
  ThreadRanksOptions options;
  options.one_at_a_time = true;
  ThreadRanks ranks(3, options);
  std::atomic<int> working = 0;
  ranks.run([&](Communicator& rank) {
    for (int i = 0; i < 50; ++i) {
      EXPECT_EQ(++working, 1);
      std::this_thread::yield();
      --working;
      rank.gather(0);
    }
  });
}

std::string error_of(ThreadRanks& ranks, const std::function<void(Communicator&)>& body) {
  try {
    ranks.run(body);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDistributed);
    return error.message();
  }
  return "";
}

TEST(ThreadRanks, SayWhatDiffersBetweenThem) {
  ThreadRanks ranks(2);
  EXPECT_THAT(error_of(ranks,
                       [](Communicator& rank) {
                         std::vector<float> own(rank.rank() == 0 ? 3 : 4);
                         const std::array parts = {part_of(own, own)};
                         rank.all_reduce(parts, nullptr);
                       }),
              HasSubstr("rank 1 sums 4 f32, but rank 0 sums 3 f32"));
  EXPECT_THAT(error_of(ranks,
                       [](Communicator& rank) {
                         require_agreement(rank, static_cast<std::uint64_t>(rank.rank()),
                                           "the model");
                       }),
              HasSubstr("the model of rank 1 is not that of rank 0"));
}

TEST(ThreadRanks, DoNotWaitForOneThatIsLost) {
  ThreadRanks ranks(2);
  EXPECT_THAT(error_of(ranks,
                       [](Communicator& rank) {
                         if (rank.rank() == 0) {
                           rank.gather(0);
                         }
                       }),
              HasSubstr("rank 0 waits for rank 1, which has ended"));
  EXPECT_THROW(ranks.run([](Communicator& rank) {
    TEMPER_CHECK(rank.rank() == 0, ErrorCode::kInvalidData, "row 3 is cut");
    rank.gather(0);
  }),
               Error);
}

}  // namespace
}  // namespace temper
