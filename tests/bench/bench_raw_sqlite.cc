// bench_raw_sqlite: the rows of bench_import, put into SQLite by the shortest program that keeps
// the promise: WAL, synchronous=FULL, nobody twice. One process, one prepared statement, no
// network.
//
//   bench_raw_sqlite FILE [ROWS [DOMAINS [ROWS_PER_COMMIT [plain]]]]
//
// With `plain` the table has no index by address, so the same recipient could be there twice.
// Prints one JSON object: rows a second.
#include <sqlite3.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "tests/bench/made_up_list.h"

namespace crescendo {
namespace {

void Check(bool ok, sqlite3* database) {
  if (ok) return;
  std::fprintf(stderr, "bench_raw_sqlite: %s\n", sqlite3_errmsg(database));
  std::exit(1);
}

void Exec(sqlite3* database, const std::string& sql) {
  Check(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK, database);
}

int Run(const std::string& path, int64_t rows, int64_t domains, int64_t group, bool plain) {
  sqlite3* database = nullptr;
  Check(sqlite3_open(path.c_str(), &database) == SQLITE_OK, database);
  for (const char* pragma : {"locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL",
                             "cache_size = -65536", "wal_autocheckpoint = 16384"}) {
    Exec(database, absl::StrCat("PRAGMA ", pragma));
  }
  // What the daemon keeps of a new recipient.
  Exec(database,
       absl::StrCat("CREATE TABLE recipients (id INTEGER PRIMARY KEY, campaign INTEGER NOT NULL,"
                    " domain INTEGER NOT NULL, state INTEGER NOT NULL, score REAL NOT NULL,"
                    " create_time_us INTEGER NOT NULL, address TEXT NOT NULL",
                    plain ? "" : ", UNIQUE (address, campaign)", ")"));
  sqlite3_stmt* insert = nullptr;
  Check(sqlite3_prepare_v2(database, "INSERT INTO recipients VALUES (NULL, 1, ?1, 0, ?2, ?3, ?4)",
                           -1, &insert, nullptr) == SQLITE_OK,
        database);
  std::vector<bench::MadeUp> list;
  for (int64_t i = 0; i < rows; ++i) list.push_back(bench::MadeUpRecipient(i, domains));
  const auto start = std::chrono::steady_clock::now();
  for (int64_t i = 0; i < rows; ++i) {
    if (i % group == 0) Exec(database, i == 0 ? "BEGIN" : "COMMIT; BEGIN");
    const bench::MadeUp& row = list[static_cast<size_t>(i)];
    sqlite3_bind_int64(insert, 1, static_cast<int64_t>(row.seed % static_cast<uint64_t>(domains)));
    sqlite3_bind_double(insert, 2, row.score);
    sqlite3_bind_int64(insert, 3, 1'772'409'600'000'000);
    sqlite3_bind_text(insert, 4, row.address.data(), static_cast<int>(row.address.size()),
                      SQLITE_STATIC);
    Check(sqlite3_step(insert) == SQLITE_DONE, database);
    sqlite3_reset(insert);
  }
  Exec(database, "COMMIT");
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  std::printf("{\"rows_per_second\": %.1f}\n", static_cast<double>(rows) / seconds.count());
  sqlite3_finalize(insert);
  return sqlite3_close(database) == SQLITE_OK ? 0 : 1;
}

}  // namespace
}  // namespace crescendo

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "bench_raw_sqlite: no file named; see its head\n");
    return 2;
  }
  const auto number = [&](int index, int64_t otherwise) {
    return argc > index ? std::atoll(argv[index]) : otherwise;
  };
  return crescendo::Run(argv[1], number(2, 1'000'000), number(3, 1'000), number(4, 10'000),
                        argc > 5 && std::strcmp(argv[5], "plain") == 0);
}
