// Lines as users type and paste them, and the finding of commands in them.
#include "console/command_line.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "console/commands.h"

namespace ntstack::console {
namespace {

using Commands = std::vector<std::string_view>;

TEST(CommandLine, APastedPromptIsTakenOff) {
  for (const char* line : {"3: kd> k 5", "3: kd>k 5", "kd> k 5", "lkd> k 5", "0:000> k 5",
                           "0:000:x86> k 5", "16.0: kd:x86> k 5", "  k 5 \r"})
    EXPECT_EQ(without_prompt(line), "k 5") << line;
}

TEST(CommandLine, AComparisonIsNoPrompt) {
  EXPECT_EQ(without_prompt("? 5>3"), "? 5>3");
  EXPECT_EQ(without_prompt("? 1:2>3"), "? 1:2>3");
  EXPECT_EQ(without_prompt("kd 5>3"), "kd 5>3");
}

TEST(CommandLine, SemicolonsSeparateOutsideOfQuotes) {
  EXPECT_EQ(commands_of("k; dps @esp ;;r"), (Commands{"k", "dps @esp", "r"}));
  EXPECT_EQ(commands_of(".echo \"a;b\"; k"), (Commands{".echo \"a;b\"", "k"}));
  EXPECT_EQ(commands_of(""), Commands{});
}

TEST(CommandLine, PartsOfControlCommandsStayTogether) {
  const char* loop = ".for (r $t0=0; @$t0<3; r $t0=@$t0+1) { k; r }";
  EXPECT_EQ(commands_of(std::string(loop) + "; x"), (Commands{loop, "x"}));
  const char* choice = ".if (1) ; { k } ; .else ; { r }";
  EXPECT_EQ(commands_of(std::string(choice) + "; x"), (Commands{choice, "x"}));
  EXPECT_EQ(commands_of(".do { k; r } (poi(@rsp) > 1); x"),
            (Commands{".do { k; r } (poi(@rsp) > 1)", "x"}));
  EXPECT_EQ(commands_of(".echo (; x"), (Commands{".echo (", "x"}));
}

TEST(CommandLine, SomeCommandsTakeTheirWholeLine) {
  EXPECT_EQ(commands_of("k; as x a; b"), (Commands{"k", "as x a; b"}));
  EXPECT_EQ(commands_of("aS x a; b"), (Commands{"aS x a", "b"}));
  EXPECT_EQ(commands_of("j (1) 'k' ; 'r'"), (Commands{"j (1) 'k' ; 'r'"}));
  EXPECT_EQ(commands_of("r $.u0=a; b"), (Commands{"r $.u0=a; b"}));
}

TEST(CommandLine, CommentsAreLeftOut) {
  EXPECT_EQ(commands_of("* k; r"), Commands{});
  EXPECT_EQ(commands_of("k; * r; x"), Commands{"k"});
  EXPECT_EQ(commands_of("$$ words; k"), Commands{"k"});
  EXPECT_EQ(commands_of("? 2*3"), Commands{"? 2*3"});
}

TEST(CommandLine, ANameMayHaveItsFlagsAndArgumentsBehindIt) {
  const auto families = all_commands();
  const auto found = find_command(families, "kf=b8ae6100 b8ae60ec 8081df65");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->command->names.front(), "k");
  EXPECT_EQ(found->arguments.flags, "f");
  EXPECT_EQ(found->arguments.text, "=b8ae6100 b8ae60ec 8081df65");
  EXPECT_EQ(find_command(families, "kvn5")->arguments.text, "5");
  EXPECT_EQ(find_command(families, "?1+1")->arguments.text, "1+1");
  EXPECT_EQ(find_command(families, ".KFRAMES 20")->command->names.front(), ".kframes");
  EXPECT_EQ(find_command(families, "~0s")->arguments.text, "0s");
  EXPECT_FALSE(find_command(families, "kx"));
  EXPECT_FALSE(find_command(families, "!nosuch 1"));
  EXPECT_FALSE(find_command(families, ""));
}

TEST(CommandLine, AMistypedNameSuggestsTheNearest) {
  const auto families = all_commands();
  EXPECT_EQ(nearest_name(families, ".kfrmes"), ".kframes");
  EXPECT_EQ(nearest_name(families, "dsp"), "dps");
  EXPECT_EQ(nearest_name(families, "halp"), "help");
  EXPECT_EQ(nearest_name(families, "!completely_else"), "");
}

TEST(Commands, EachIsDeclaredOnceAndWhole) {
  std::set<std::string_view> names;
  for (const Family& family : all_commands()) {
    for (const Command& command : family.commands) {
      for (const std::string_view name : command.names)
        EXPECT_TRUE(names.insert(name).second) << name;
      EXPECT_FALSE(command.forms.empty());
      EXPECT_FALSE(command.brief.empty());
      EXPECT_FALSE(command.brief.ends_with('.')) << command.names.front();
      EXPECT_NE(command.run, nullptr);
      EXPECT_NE(help_text(command).find(command.brief), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace ntstack::console
