// Folders: making, listing, removing, renaming, temporary names.
#include "runtime/platform/folders.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "tests/runtime/platform/temporary_folder.h"

namespace temper {
namespace {

TEST(Folders, AreMadeWithAllAboveThemAndTwice) {
  const TemporaryFolder folder;
  make_directories(folder.file("a/b/c/"));
  make_directories(folder.file("a/b/c"));
  EXPECT_TRUE(file_status(folder.file("a/b/c")).is_folder);
}

TEST(Folders, CannotBeMadeBelowAFile) {
  const TemporaryFolder folder;
  write_file_atomically(folder.file("a"), "x");
  EXPECT_THROW(make_directories(folder.file("a/b")), Error);
}

TEST(Folders, ANewOneIsMadeOnlyOnce) {
  const TemporaryFolder folder;
  EXPECT_TRUE(make_new_directory(folder.file("run-1")));
  EXPECT_FALSE(make_new_directory(folder.file("run-1")));
  EXPECT_THROW(make_new_directory(folder.file("missing/run-1")), Error);
}

TEST(Folders, AreListedSortedWithHiddenFiles) {
  const TemporaryFolder folder;
  for (const char* name : {"b", ".c", "a"}) {
    write_file_atomically(folder.file(name), "x");
  }
  EXPECT_EQ(list_directory(folder.path()), (std::vector<std::string>{".c", "a", "b"}));
}

TEST(Folders, AreNotRemovedWhenTheyHoldForeignFiles) {
  const TemporaryFolder folder;
  make_directories(folder.file("c"));
  write_file_atomically(folder.file("c/weights"), "x");
  write_file_atomically(folder.file("c/thesis"), "x");
  const std::vector<std::string> known = {"weights", "state"};
  try {
    remove_folder(folder.file("c"), known);
    FAIL() << "removed a foreign file";
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("thesis"), std::string::npos) << error.message();
  }
  EXPECT_TRUE(file_status(folder.file("c/weights")).exists);
  remove_file(folder.file("c/thesis"));
  remove_folder(folder.file("c"), known);
  EXPECT_FALSE(file_status(folder.file("c")).exists);
}

TEST(Folders, AreNotRenamedOntoAFullOne) {
  const TemporaryFolder folder;
  make_directories(folder.file("new"));
  make_directories(folder.file("old"));
  write_file_atomically(folder.file("old/x"), "x");
  EXPECT_THROW(rename_directory(folder.file("new"), folder.file("old")), Error);
  rename_directory(folder.file("old"), folder.file("older"));
  EXPECT_TRUE(file_status(folder.file("older/x")).exists);
}

TEST(Folders, ReportFreeBytes) { EXPECT_GT(free_bytes("/tmp"), 0u); }

TEST(Paths, AreTakenApartAndJoined) {
  EXPECT_EQ(folder_of("a/b/c"), "a/b");
  EXPECT_EQ(folder_of("c"), ".");
  EXPECT_EQ(folder_of("/c"), "/");
  EXPECT_EQ(file_name_of("a/b/c"), "c");
  EXPECT_EQ(join_path("a/", "b"), "a/b");
  EXPECT_EQ(join_path("a", "/b"), "/b");
}

TEST(Temporaries, OfDeadProcessesAreRemovedAndOthersAreKept) {
  const TemporaryFolder folder;
  const pid_t child = ::fork();
  if (child == 0) {
    ::_exit(0);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  const std::string dead = std::to_string(child);
  write_file_atomically(folder.file(".best.onnx." + dead + ".0.tmp"), "x");
  make_directories(folder.file(".step-5." + dead + ".1.tmp"));
  write_file_atomically(folder.file(".step-5." + dead + ".1.tmp/weights"), "x");
  write_file_atomically(folder.file("best.onnx"), "x");
  write_file_atomically(folder.file(".profile.tmp"), "x");
  write_file_atomically(temporary_path(folder.file("last.onnx")), "x");
  EXPECT_EQ(remove_stale_temporaries(folder.path()), 2);
  EXPECT_EQ(list_directory(folder.path()).size(), 3u);
}

}  // namespace
}  // namespace temper
