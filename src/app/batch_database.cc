#include "app/batch_database.h"

#include <optional>
#include <variant>
#include <vector>

#include "app/sqlite.h"

namespace ntstack::app {
namespace {

using Value = std::variant<std::nullptr_t, long long, std::string>;

constexpr std::size_t kRowsOfTransaction = 256;  // dumps

constexpr const char* kTables = R"(
CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
INSERT OR IGNORE INTO meta VALUES('schema_version', '1');
CREATE TABLE IF NOT EXISTS dumps(
  path TEXT PRIMARY KEY, size INTEGER NOT NULL, modified INTEGER NOT NULL,
  error_kind TEXT, error TEXT, milliseconds INTEGER NOT NULL,
  kind TEXT, build INTEGER, system_time TEXT, happened TEXT, code TEXT, bugcheck TEXT,
  module TEXT, symbol TEXT, confidence TEXT, signature TEXT, guesses INTEGER) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS dumps_by_signature ON dumps(signature);
CREATE TABLE IF NOT EXISTS frames(
  path TEXT NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL,
  PRIMARY KEY(path, number)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS frames_by_name ON frames(name);
CREATE TABLE IF NOT EXISTS findings(
  path TEXT NOT NULL, number INTEGER NOT NULL, kind TEXT NOT NULL, sentence TEXT NOT NULL,
  confidence TEXT NOT NULL, PRIMARY KEY(path, number)) WITHOUT ROWID;
CREATE VIEW IF NOT EXISTS signatures AS
  SELECT signature, count(*) AS dumps, min(bugcheck) AS bugcheck, min(module) AS module,
         min(symbol) AS symbol, min(system_time) AS first, max(system_time) AS last
  FROM dumps WHERE signature IS NOT NULL GROUP BY signature ORDER BY dumps DESC;
)";

Value text_or_null(const std::string& text) { return text.empty() ? Value(nullptr) : Value(text); }

}  // namespace

struct BatchDatabase::Connection {
  const Sqlite* library = nullptr;
  void* handle = nullptr;
  std::string path;
  void* dump = nullptr;  // statements
  void* frame = nullptr;
  void* finding = nullptr;
  void* drop_frames = nullptr;
  void* drop_findings = nullptr;
  std::size_t rows = 0;  // of the open transaction

  ~Connection() {
    for (void* statement : {dump, frame, finding, drop_frames, drop_findings})
      library->finalize(statement);
    library->close_v2(handle);
  }
  base::Result<void> failed() const { return base::fail("{}: {}", path, library->errmsg(handle)); }
  base::Result<void> run(const char* text) {
    if (library->exec(handle, text, nullptr, nullptr, nullptr) == Sqlite::kOk) return {};
    return failed();
  }
  base::Result<void> prepare(void*& statement, const char* text) {
    if (library->prepare_v2(handle, text, -1, &statement, nullptr) == Sqlite::kOk) return {};
    return failed();
  }
  bool bind(void* statement, int at, const Value& value) {
    if (const auto* number = std::get_if<long long>(&value))
      return library->bind_int64(statement, at, *number) == Sqlite::kOk;
    if (const auto* text = std::get_if<std::string>(&value))
      return library->bind_text(statement, at, text->data(), static_cast<int>(text->size()),
                                nullptr) == Sqlite::kOk;  // they outlive the step
    return library->bind_null(statement, at) == Sqlite::kOk;
  }
  base::Result<void> insert(void* statement, const std::vector<Value>& values) {
    for (std::size_t i = 0; i < values.size(); ++i)
      if (!bind(statement, static_cast<int>(i) + 1, values[i])) return failed();
    if (library->step(statement) != Sqlite::kDone) {
      auto error = failed();
      library->reset(statement);
      return error;
    }
    library->reset(statement);
    return {};
  }
};

BatchDatabase::BatchDatabase(std::unique_ptr<Connection> connection)
    : connection_(std::move(connection)) {}
BatchDatabase::BatchDatabase(BatchDatabase&&) noexcept = default;
BatchDatabase& BatchDatabase::operator=(BatchDatabase&&) noexcept = default;
BatchDatabase::~BatchDatabase() = default;

base::Result<BatchDatabase> BatchDatabase::open(const std::string& path) {
  const Sqlite* library = sqlite();
  if (!library)
    return base::fail("SQLite's library is not on this machine (libsqlite3.so.0, winsqlite3.dll)");
  auto connection = std::make_unique<Connection>();
  connection->library = library;
  connection->path = path;
  if (library->open(path.c_str(), &connection->handle) != Sqlite::kOk)
    return std::unexpected(connection->failed().error());
  library->busy_timeout(connection->handle, 30000);
  const auto all = [&]() -> base::Result<void> {
    if (auto done = connection->run(kTables); !done) return done;
    const std::pair<void**, const char*> statements[] = {
        {&connection->dump,
         "INSERT OR REPLACE INTO dumps VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"},
        {&connection->frame, "INSERT INTO frames VALUES(?,?,?)"},
        {&connection->finding, "INSERT INTO findings VALUES(?,?,?,?,?)"},
        {&connection->drop_frames, "DELETE FROM frames WHERE path=?"},
        {&connection->drop_findings, "DELETE FROM findings WHERE path=?"}};
    for (const auto& [statement, text] : statements)
      if (auto done = connection->prepare(*statement, text); !done) return done;
    return {};
  };
  if (auto done = all(); !done) return std::unexpected(std::move(done.error()));
  return BatchDatabase(std::move(connection));
}

base::Result<void> BatchDatabase::add(const report::BatchResult& result) {
  Connection& db = *connection_;
  const auto number = [](std::uint64_t value) { return Value(static_cast<long long>(value)); };
  const bool answered = result.failure.empty();
  const std::string& path = result.file.path;
  if (db.rows == 0)
    if (auto done = db.run("BEGIN"); !done) return done;
  for (void* statement : {db.drop_frames, db.drop_findings})
    if (auto done = db.insert(statement, {path}); !done) return done;
  if (auto done = db.insert(
          db.dump,
          {path, number(result.file.size), Value(static_cast<long long>(result.file.modified)),
           text_or_null(result.failure), text_or_null(result.failure_sentence),
           number(result.milliseconds), text_or_null(result.kind),
           answered && result.build != 0 ? number(result.build) : Value(nullptr),
           result.system_time ? Value(*result.system_time) : Value(nullptr),
           text_or_null(result.happened), text_or_null(result.code), text_or_null(result.bugcheck),
           text_or_null(result.module), text_or_null(result.symbol),
           text_or_null(result.confidence), text_or_null(result.signature),
           result.signature.empty() ? Value(nullptr) : number(result.has_guesses ? 1 : 0)});
      !done)
    return done;
  for (std::size_t i = 0; i < result.frames.size(); ++i)
    if (auto done = db.insert(db.frame, {path, number(i), result.frames[i]}); !done) return done;
  for (std::size_t i = 0; i < result.findings.size(); ++i) {
    const auto& finding = result.findings[i];
    if (auto done = db.insert(
            db.finding, {path, number(i), finding.kind, finding.sentence, finding.confidence});
        !done)
      return done;
  }
  if (++db.rows < kRowsOfTransaction) return {};
  return finish();
}

base::Result<void> BatchDatabase::finish() {
  if (connection_->rows == 0) return {};
  connection_->rows = 0;
  return connection_->run("COMMIT");
}

}  // namespace ntstack::app
