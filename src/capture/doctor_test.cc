#include "capture/doctor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "capture/fake_system.h"
#include "driver/protocol.h"

namespace ntstack::capture {
namespace {

constexpr const char* kCrashControl = "SYSTEM\\CurrentControlSet\\Control\\CrashControl\\";

class DoctorTest : public testing::Test {
 protected:
  DoctorTest() {
    system.facts.name = "SERVER1";
    system.facts.architecture = base::Architecture::x64;
    system.facts.major = 10;
    system.facts.build = 26100;
    system.facts.processors = 4;
    set("CrashDumpEnabled", 7);
  }
  void set(const std::string& name, std::uint32_t value) {
    system.numbers[kCrashControl + name] = value;
  }
  Check check(const std::string& name) {
    const Diagnosis diagnosis = diagnose(system);
    const auto found = std::ranges::find(diagnosis.checks, name, &Check::name);
    return found == diagnosis.checks.end() ? Check{"no such check", {}, "", ""} : *found;
  }
  FakeSystem system;
};

TEST_F(DoctorTest, OnAGoodMachineEveryCheckIsOkAndEverythingWorks) {
  const Diagnosis diagnosis = diagnose(system);
  for (const Check& check : diagnosis.checks) {
    EXPECT_EQ(check.state, Check::State::ok) << check.name << ": " << check.sentence;
    EXPECT_TRUE(check.remedy.empty()) << check.name;
  }
  EXPECT_TRUE(diagnosis.triage_dumps && diagnosis.live_dumps && diagnosis.selective_live_dumps &&
              diagnosis.user_dumps && diagnosis.live_user_stacks);
  EXPECT_EQ(diagnosis.machine, "SERVER1: Windows 10.0.26100.0, x64, 4 processors");
}

TEST_F(DoctorTest, WhateverIsNotOkHasAnEffectOrARemedy) {
  system.is_elevated = system.holds_privilege = false;
  system.under_wow64 = true;
  system.has_dbghelp = false;
  system.facts.processors = 64;
  system.facts.build = 17763;
  set("DumpEncryptionEnabled", 1);
  set("ForceDumpsDisabled", 1);
  set("CrashDumpEnabled", 0);
  system.numbers["SYSTEM\\CurrentControlSet\\Control\\ContainerType"] = 2;
  std::size_t bad = 0;
  for (const Check& check : diagnose(system).checks)
    if (check.state != Check::State::ok) {
      ++bad;
      EXPECT_FALSE(check.remedy.empty()) << check.name;
    }
  EXPECT_EQ(bad, 10u);
}

TEST_F(DoctorTest, WithoutRightsNothingOfTheKernelCanBeCaptured) {
  system.is_elevated = system.holds_privilege = false;
  const Diagnosis diagnosis = diagnose(system);
  EXPECT_FALSE(diagnosis.can_capture());
  EXPECT_TRUE(diagnosis.live_user_stacks);
  EXPECT_NE(check("elevation").remedy.find("elevated prompt"), std::string::npos);
}

TEST_F(DoctorTest, AnAdministratorWithoutThePrivilegeIsToldWhereItIsGiven) {
  system.holds_privilege = false;
  EXPECT_NE(check("debug_privilege").remedy.find("Debug programs"), std::string::npos);
  EXPECT_FALSE(diagnose(system).can_capture());
}

TEST_F(DoctorTest, ThePrivilegeIsAsItWasAfterwards) {
  diagnose(system);
  EXPECT_FALSE(system.privilege_is_on);
  system.privilege_is_on = true;
  diagnose(system);
  EXPECT_TRUE(system.privilege_is_on);
}

TEST_F(DoctorTest, SettingsThatForbidLiveDumpsLeaveTriageDumps) {
  system.numbers
      ["SYSTEM\\CurrentControlSet\\Control\\CrashControl\\FullLiveKernelReports\\"
       "FullLiveReportsMax"] = 0;
  EXPECT_EQ(check("live_dumps").state, Check::State::missing);
  EXPECT_NE(check("live_dumps").sentence.find("FullLiveReportsMax"), std::string::npos);
  EXPECT_FALSE(diagnose(system).live_dumps);
  EXPECT_TRUE(diagnose(system).triage_dumps);
  EXPECT_TRUE(diagnose(system).can_capture());
}

TEST_F(DoctorTest, EncryptedLiveDumpsDoNotCountAsWorking) {
  set("DumpEncryptionEnabled", 1);
  EXPECT_FALSE(diagnose(system).live_dumps);
  EXPECT_NE(check("dump_encryption").remedy.find("KernelDumpDecrypt"), std::string::npos);
}

TEST_F(DoctorTest, WineAndEmulationAndContainersHaveNoKernelToCapture) {
  system.facts.is_wine = true;
  EXPECT_FALSE(diagnose(system).can_capture());
  EXPECT_NE(check("system").sentence.find("Wine"), std::string::npos);
  system.facts.is_wine = false;
  system.under_wow64 = true;
  EXPECT_EQ(check("architecture").remedy, "use the x64 build of ntstack");
  EXPECT_FALSE(diagnose(system).can_capture());
  EXPECT_FALSE(diagnose(system).live_user_stacks);
  system.under_wow64 = false;
  system.numbers["SYSTEM\\CurrentControlSet\\Control\\ContainerType"] = 1;
  EXPECT_FALSE(diagnose(system).can_capture());
}

TEST_F(DoctorTest, SelectiveLiveDumpsDependOnTheBuild) {
  for (const auto& [build, works] : std::map<std::uint32_t, bool>{
           {9200, false}, {19045, false}, {20348, true}, {22000, true}, {26100, true}}) {
    system.facts.build = build;
    EXPECT_EQ(diagnose(system).selective_live_dumps, works) << build;
    EXPECT_EQ(diagnose(system).live_dumps, build >= 9600) << build;
  }
}

// The table of public dumps' sizes, in KB.
TEST_F(DoctorTest, TheRoomOfATriageDumpIsThatOfTheKnownBuilds) {
  struct Known {
    std::uint32_t build, processors, kilobytes;
  };
  for (const Known& known : {Known{17763, 4, 825},
                             {17763, 8, 698},
                             {17763, 16, 444},
                             {17763, 24, 191},
                             {19045, 4, 776},
                             {19045, 16, 251},
                             {19045, 24, 32},
                             {19045, 64, 32},
                             {26100, 4, 744},
                             {26100, 8, 537},
                             {26100, 16, 123},
                             {26100, 20, 20},
                             {26100, 256, 20}}) {
    system.facts.build = known.build;
    system.facts.processors = known.processors;
    EXPECT_NEAR(triage_room(system.facts) >> 10, known.kilobytes, 2)
        << known.build << " with " << known.processors;
  }
}

TEST_F(DoctorTest, ManyProcessorsAreAWarning) {
  system.facts.processors = 24;
  EXPECT_EQ(check("triage_room").state, Check::State::warning);
  EXPECT_NE(check("triage_room").sentence.find("some 1 thread in each"), std::string::npos)
      << check("triage_room").sentence;
}

TEST_F(DoctorTest, TextAndJsonSayTheSame) {
  system.is_elevated = false;
  const Diagnosis diagnosis = diagnose(system);
  const std::string text = doctor_text(diagnosis);
  const auto json = nlohmann::json::parse(doctor_json(diagnosis));
  EXPECT_EQ(json["checks"].size(), diagnosis.checks.size());
  for (const Check& check : diagnosis.checks)
    EXPECT_NE(text.find(check.sentence), std::string::npos) << check.name;
  EXPECT_NE(text.find("MISSING  elevation"), std::string::npos) << text;
  EXPECT_FALSE(json["can_capture"]);
}

TEST_F(DoctorTest, ElsewhereItSaysWhatIsNeeded) {
  const Diagnosis diagnosis = diagnose_elsewhere();
  EXPECT_FALSE(diagnosis.can_capture());
  EXPECT_NE(doctor_text(diagnosis).find("need Windows"), std::string::npos);
  EXPECT_NE(doctor_text(diagnosis).find("will work: reading dumps"), std::string::npos);
}

TEST_F(DoctorTest, OfTheDriverItSaysWhetherItIsThereAndAnswers) {
  EXPECT_NE(check("driver").sentence.find("not installed"), std::string::npos);
  system.service = DriverService{};
  EXPECT_EQ(check("driver").state, Check::State::warning);
  EXPECT_NE(check("driver").remedy.find("ntstack driver start"), std::string::npos);
  system.service->is_running = true;
  std::uint32_t version = 2;
  system.device = [&](std::uint32_t, auto, std::span<std::byte> out, std::uint32_t& returned) {
    const driver::QueryOut query{sizeof query, version, 0x8664, 0, 0, 3};
    std::memcpy(out.data(), &query, sizeof query);
    returned = sizeof query;
    return Status{0};
  };
  EXPECT_EQ(check("driver").state, Check::State::warning);
  EXPECT_NE(check("driver").remedy.find("version 2"), std::string::npos);
  version = 1;
  EXPECT_EQ(check("driver").state, Check::State::ok);
  EXPECT_NE(check("driver").sentence.find("until the next restart"), std::string::npos);
  EXPECT_TRUE(diagnose(system).driver_stacks);
  EXPECT_FALSE(system.privilege_is_on);
  EXPECT_TRUE(system.open_handles.empty());
}

}  // namespace
}  // namespace ntstack::capture
