#include "symbol_server/server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <random>
#include <set>
#include <sstream>
#include <thread>

#include "test_files.h"

namespace ntstack::tests {
namespace {

namespace fs = std::filesystem;

// The paths that faults.py answers.
constexpr const char* kFaults =
    "cut|cut-once|cut-each|cut-once-then-whole|cut-once-then-elsewhere|changed-once|cut-chunked|"
    "wrong-file|told-longer|told-shorter|trailing|not-http|endless|endless-told|drip|silent|"
    "slow-start|500-once|429-once";

constexpr const char* kConfig = R"(daemon off;
master_process off;
pid {folder}/nginx.pid;
events {{ worker_connections 4096; }}
http {{
  log_format fields "$request_method\t$request_uri\t$status\t$http_range\t$http_user_agent\t$http_authorization\t$scheme";
  access_log {folder}/access.log fields;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  default_type application/octet-stream;
  keepalive_requests 100000;
  ssl_certificate {folder}/good.pem;
  ssl_certificate_key {folder}/key.pem;
  server {{
    listen 127.0.0.1:{http} backlog=1024;
    listen 127.0.0.1:{good} ssl;
    include {folder}/locations.conf;
  }}
  server {{
    listen 127.0.0.1:{expired} ssl;
    ssl_certificate {folder}/expired.pem;
    include {folder}/locations.conf;
  }}
  server {{
    listen 127.0.0.1:{untrusted} ssl;
    ssl_certificate {folder}/untrusted.pem;
    include {folder}/locations.conf;
  }}
  server {{
    listen 127.0.0.1:{of_another_host} ssl;
    ssl_certificate {folder}/of_another_host.pem;
    include {folder}/locations.conf;
  }}
}}
)";

constexpr const char* kLocations = R"(
location = /mark {{ return 204; }}
location /plain/ {{ alias {root}/; }}
location /slow/ {{ alias {root}/; limit_rate 16k; }}
location /auth/ {{ alias {root}/; auth_basic "symbols"; auth_basic_user_file {folder}/users; }}
location ~ ^/redirect/(?<rest>.*)$ {{ return 302 /plain/$rest$is_args$args; }}
location ~ ^/redirect-https/(?<rest>.*)$ {{ return 302 https://localhost:{good}/plain/$rest; }}
location ~ ^/redirect-http/(?<rest>.*)$ {{ return 302 http://127.0.0.1:{http}/plain/$rest; }}
location ~ ^/redirect-host/(?<rest>.*)$ {{ return 302 http://localhost:{http}/plain/$rest; }}
location /redirect-loop/ {{ return 302 $request_uri; }}
location /404/ {{ return 404; }}
location /403/ {{ return 403; }}
location /500/ {{ return 500; }}
location /html/ {{ default_type text/html; return 200 "<html><body>Sign in first</body></html>"; }}
location ~ ^/({faults})/ {{
  proxy_pass http://127.0.0.1:{direct};
  proxy_http_version 1.1;
  proxy_buffering off;
  proxy_read_timeout 1d;
}}
)";

void write(const fs::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

bool is_free(std::uint16_t port) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  const bool is_bound =
      ::bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(descriptor);
  return is_bound;
}

// A port of loopback that nobody listens at now. Below those that the system gives to whoever
// connects: of these a connection may get the very one that it is to reach, and then it reaches
// itself.
std::uint16_t free_port() {
  static std::random_device random;
  for (int attempt = 0; attempt < 1000; ++attempt)
    if (const auto port = static_cast<std::uint16_t>(10'000 + random() % 20'000); is_free(port))
      return port;
  return 0;
}

// A connection to a port of loopback, or -1.
int connected_to(std::uint16_t port) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0)
    return descriptor;
  ::close(descriptor);
  return -1;
}

// Starts a program that ends with this process, however that ends.
pid_t start_program(const std::vector<std::string>& words, const fs::path& output) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  if (std::FILE* file = std::fopen(output.c_str(), "a")) {
    ::dup2(::fileno(file), 1);
    ::dup2(::fileno(file), 2);
  }
  ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

void end_program(pid_t& program) {
  if (program <= 0) return;
  ::kill(program, SIGKILL);
  ::waitpid(program, nullptr, 0);
  program = -1;
}

// False where the program ended instead.
bool listens(pid_t program, std::uint16_t port) {
  for (int i = 0; i < 1000; ++i) {
    if (const int descriptor = connected_to(port); descriptor >= 0) {
      ::close(descriptor);
      return true;
    }
    if (::waitpid(program, nullptr, WNOHANG) == program) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

// nginx is in a folder that not every user has on PATH.
fs::path nginx_program() {
  if (fs::path found = find_tool("nginx"); !found.empty()) return found;
  const fs::path usual = "/usr/sbin/nginx";
  return fs::exists(usual) ? usual : fs::path();
}

std::string text_of(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

}  // namespace

SymbolServer::~SymbolServer() { stop(); }

std::string SymbolServer::missing() {
  if (nginx_program().empty()) return "nginx";
  for (const char* name : {"openssl", "python3"})
    if (find_tool(name).empty()) return name;
  return {};
}

bool SymbolServer::start(const fs::path& root) {
  root_ = fs::absolute(root);
  write(folder_.path() / "users", "user:{PLAIN}secret\n");
  if (!make_certificates()) return false;
  // Ports that are free now may be taken before nginx has them.
  for (int attempt = 0; attempt < 5; ++attempt) {
    if (choose_ports() && start_processes()) return true;
    stop();
  }
  error_ = "it does not start: " + text_of(folder_.path() / "nginx.out") +
           text_of(folder_.path() / "error.log") + text_of(folder_.path() / "faults.out");
  return false;
}

bool SymbolServer::choose_ports() {
  std::set<std::uint16_t> chosen;
  for (std::uint16_t* port :
       {&http_, &https_[0], &https_[1], &https_[2], &https_[3], &direct_, &dead_})
    if ((*port = free_port()) == 0 || !chosen.insert(*port).second) return false;
  return true;
}

bool SymbolServer::start_processes() {
  write_config();
  const std::string folder = folder_.path().string();
  faults_ = start_program(
      {find_tool("python3").string(), (source_dir() / "tests/symbol_server/faults.py").string(),
       std::to_string(direct_), root_.string(), folder + "/direct.log"},
      folder + "/faults.out");
  nginx_ = start_program({nginx_program().string(), "-p", folder, "-c", folder + "/nginx.conf",
                          "-e", folder + "/error.log"},
                         folder + "/nginx.out");
  return listens(faults_, direct_) && listens(nginx_, http_) && listens(nginx_, https_[3]);
}

void SymbolServer::stop() {
  end_program(nginx_);
  end_program(faults_);
}

bool SymbolServer::start_again() {
  stop();
  return start_processes();
}

void SymbolServer::write_config() const {
  const std::string folder = folder_.path().string();
  using fmt::arg;
  write(folder_.path() / "nginx.conf",
        fmt::format(fmt::runtime(kConfig), arg("folder", folder), arg("http", http_),
                    arg("good", https_[0]), arg("expired", https_[1]), arg("untrusted", https_[2]),
                    arg("of_another_host", https_[3])));
  write(folder_.path() / "locations.conf",
        fmt::format(fmt::runtime(kLocations), arg("folder", folder), arg("root", root_.string()),
                    arg("http", http_), arg("good", https_[0]), arg("direct", direct_),
                    arg("faults", kFaults)));
}

bool SymbolServer::make_certificates() {
  const fs::path script = source_dir() / "tests/symbol_server/make_certificates.sh";
  const ToolResult made =
      run("cd " + quoted(folder_.path()) + " && " + quoted(script) + " 2>&1 >/dev/null");
  if (made.exit_code != 0) error_ = "no certificates: " + made.out;
  return made.exit_code == 0;
}

std::string SymbolServer::url(std::string_view prefix) const {
  return fmt::format("http://127.0.0.1:{}{}", http_, prefix);
}

std::string SymbolServer::https_url(std::string_view prefix, Certificate of) const {
  return fmt::format("https://localhost:{}{}", https_[static_cast<std::size_t>(of)], prefix);
}

std::string SymbolServer::url_with_user(std::string_view prefix, std::string_view user) const {
  return fmt::format("http://{}@127.0.0.1:{}{}", user, http_, prefix);
}

std::string SymbolServer::direct_url(std::string_view prefix) const {
  return fmt::format("http://127.0.0.1:{}{}", direct_, prefix);
}

std::string SymbolServer::dead_url() const { return fmt::format("http://127.0.0.1:{}", dead_); }

std::vector<LoggedRequest> SymbolServer::logged(const fs::path& log, std::size_t skip) const {
  std::vector<LoggedRequest> requests;
  std::istringstream lines(text_of(log));
  for (std::string line; std::getline(lines, line);) {
    std::vector<std::string> fields;
    std::istringstream parts(line);
    for (std::string field; std::getline(parts, field, '\t');) fields.push_back(field);
    if (fields.size() != 7) continue;
    if (skip != 0) {
      --skip;
      continue;
    }
    requests.push_back({fields[0], fields[1], std::atoi(fields[2].c_str()), fields[3], fields[4],
                        fields[5], fields[6]});
  }
  return requests;
}

std::vector<LoggedRequest> SymbolServer::requests() {
  // nginx writes a request down after its last byte is sent: a request after it shows that it did.
  const std::string mark = fmt::format("/mark?{}", ++marks_);
  if (const int descriptor = nginx_ > 0 ? connected_to(http_) : -1; descriptor >= 0) {
    const std::string text = "GET " + mark + " HTTP/1.0\r\n\r\n";
    [[maybe_unused]] const auto sent = ::send(descriptor, text.data(), text.size(), MSG_NOSIGNAL);
    char buffer[512];
    while (::recv(descriptor, buffer, sizeof buffer, 0) > 0) {
    }
    ::close(descriptor);
  }
  auto all = logged(folder_.path() / "access.log", forgotten_);
  std::erase_if(all,
                [](const LoggedRequest& request) { return request.path.starts_with("/mark?"); });
  return all;
}

std::vector<LoggedRequest> SymbolServer::direct_requests() const {
  return logged(folder_.path() / "direct.log", forgotten_direct_);
}

void SymbolServer::forget_requests() {
  requests();  // so that all are written
  forgotten_ = logged(folder_.path() / "access.log", 0).size();
  forgotten_direct_ = logged(folder_.path() / "direct.log", 0).size();
}

void SymbolServer::forget_faults() const {
  run("curl -s -o /dev/null " + direct_url("/forget") + "/all");
}

}  // namespace ntstack::tests
