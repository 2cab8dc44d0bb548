// One domain has one spelling, however it was typed (UTS #46), and what IDNA forbids has none.
#include "scheduler/domain/domain_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "scheduler/domain/campaign.h"

namespace crescendo {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(DomainName, HasOneSpelling) {
  struct Case {
    const char* name;
    const char* given;
    const char* normal;
  };
  for (const Case& c : {
           Case{"plain", "example.com", "example.com"},
           Case{"capitals", "Mail.EXAMPLE.com", "mail.example.com"},
           Case{"one label", "localhost", "localhost"},
           Case{"an underscore", "_smtp.example.com", "_smtp.example.com"},
           Case{"hyphens in third and fourth place, which are no IDN", "r3---sn-4g5.example",
                "r3---sn-4g5.example"},
           Case{"U-label", "münchen.example", "xn--mnchen-3ya.example"},
           Case{"U-label in capitals", "MÜNCHEN.EXAMPLE", "xn--mnchen-3ya.example"},
           Case{"decomposed: u and a combining diaeresis", "mu\xcc\x88nchen.example",
                "xn--mnchen-3ya.example"},
           Case{"A-label", "xn--mnchen-3ya.example", "xn--mnchen-3ya.example"},
           Case{"A-label in capitals", "XN--MNCHEN-3YA.example", "xn--mnchen-3ya.example"},
           Case{"both", "bücher.xn--mnchen-3ya.example", "xn--bcher-kva.xn--mnchen-3ya.example"},
           Case{"sharp s is a letter of its own", "straße.example", "xn--strae-oqa.example"},
           Case{"capital sharp s is none: two s by Unicode 13", "STRAẞE.example",
                "strasse.example"},
           Case{"final sigma is a letter of its own", "βόλος.example", "xn--nxasmm1c.example"},
           Case{"sigma within", "βόλοσ.example", "xn--nxasmq6b.example"},
           Case{"full-width letters", "ｅｘａｍｐｌｅ．ｃｏｍ", "example.com"},
           Case{"ideographic full stop", "例え。テスト", "xn--r8jz45g.xn--zckzah"},
           Case{"half-width ideographic full stop", "münchen｡example", "xn--mnchen-3ya.example"},
           Case{"full-width full stop", "münchen．example", "xn--mnchen-3ya.example"},
           Case{"soft hyphen is dropped", "exam\xc2\xadple.com", "example.com"},
           Case{"right to left", "דוגמה.example", "xn--6dbbec0c.example"},
           Case{"ZWJ behind a virama, where it has a meaning", "ශ්‍රී.example",
                "xn--10cl1a0b660p.example"},
           Case{"ZWNJ between joining letters", "نامه‌ای.example",
                "xn--mgba3gch31f060k.example"},
           Case{"Cyrillic among Latin: another domain, not another spelling", "аpple.example",
                "xn--pple-43d.example"},
           Case{"Catalan middle dot between two l", "col·lecció.example",
                "xn--collecci-ioa91d.example"},
       }) {
    SCOPED_TRACE(c.name);
    const auto normal = NormaliseDomain(c.given);
    ASSERT_TRUE(normal.ok()) << normal.status();
    EXPECT_EQ(*normal, c.normal);
    EXPECT_EQ(NormaliseDomain(*normal).value_or(""), c.normal) << "normal stays normal";
  }
}

TEST(DomainName, FaultsAreNamed) {
  const std::string label63(63, 'a');
  struct Case {
    const char* name;
    std::string given;
    const char* fault;
  };
  for (const Case& c : {
           Case{"empty", "", "is empty"},
           Case{"a dot", ".", "not a host name"},
           Case{"an empty label", "a..example", "not a host name"},
           Case{"an empty label among U-labels", "ü..example", "not a"},
           Case{"a trailing dot", "example.com.", "not a host name"},
           Case{"a leading hyphen", "-a.example", "not a host name"},
           Case{"a leading hyphen before ü", "-ü.example", "not an international domain name: "},
           Case{"a trailing hyphen", "a-.example", "not a host name"},
           Case{"a blank", "a b.example", "not a host name"},
           Case{"a blank among U-labels", "ü b.example", "not an international domain name"},
           Case{"a full-width less-than", "ü＜.example", "not an international domain name"},
           Case{"NUL behind a U-label", std::string("ü.example\0.evil", 16), "not a host name"},
           Case{"64 octets", label63 + "a.example", "not a host name"},
           Case{"254 octets",
                absl::StrCat(label63, ".", label63, ".", label63, ".", label63.substr(0, 62)),
                "is 254 characters long; at most 253"},
           Case{"an A-label of more than 63", absl::StrCat(label63, "ü.example"),
                "not an international domain name"},
           Case{"more than 253 as A-labels",
                absl::StrCat(label63, ".", label63, ".", label63, ".", label63.substr(0, 55), "ü"),
                "not an international domain name"},
           Case{"a broken A-label", "xn--a.example", "not an international domain name"},
           Case{"an empty A-label", "xn--.example", "not a"},
           Case{"an A-label of ASCII alone", "xn--example-.example", "not a"},
           Case{"an A-label of a capital", "xn--mnchen-psa.example", "not an international"},
           Case{"a symbol IDNA2008 leaves out", "i❤.example", "not an international domain name"},
           Case{"that symbol as an A-label", "xn--i-7iq.example", "not an international domain"},
           Case{"ZWJ between Latin letters",
                "a\xe2\x80\x8d"
                "b.example",
                "not an international domain name"},
           Case{"a leading combining mark", "\xcc\x88u.example",
                "not an international domain name"},
           Case{"directions mixed", "אa1ב.example.b", "not an international domain name"},
           Case{"unassigned", "a\xef\xbf\xbe.example", "not an international domain name"},
           Case{"broken UTF-8", "m\xfcnchen.example", "not an international domain name"},
           Case{"U+FFFD", "m\xef\xbf\xbdnchen.example", "not an international domain name"},
       }) {
    SCOPED_TRACE(c.name);
    std::string out = "before";
    const std::string fault = AppendNormalDomain(c.given, &out);
    EXPECT_THAT(fault, StartsWith("is "));
    EXPECT_THAT(fault, HasSubstr(c.fault));
    EXPECT_EQ(out, "before");
    EXPECT_EQ(NormaliseDomain(c.given).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(DomainName, SpellingsOfOneAddressAreOne) {
  struct Case {
    const char* name;
    const char* given;
    const char* normal;
  };
  for (const Case& c : {
           Case{"U-label", "jo@Bücher.example", "jo@xn--bcher-kva.example"},
           Case{"A-label", "jo@XN--BCHER-KVA.example", "jo@xn--bcher-kva.example"},
           Case{"the local part stays", "JÖ.Straße@bücher.example",
                "JÖ.Straße@xn--bcher-kva.example"},
           Case{"another dot", "jo@bücher。example", "jo@xn--bcher-kva.example"},
       }) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(NormaliseAddress(c.given).value_or(""), c.normal);
  }
  EXPECT_EQ(NormaliseAddress("jo@i❤.example").status().message(),
            "address \"jo@i❤.example\" has a domain that is \"i❤.example\", not an international "
            "domain name: string contains a disallowed character");
}

TEST(DomainName, QuotesNoHalfCharacter) {
  EXPECT_EQ(QuotedText("ü\n"), "\"ü\\n\"");
  EXPECT_EQ(QuotedText(std::string(79, 'a') + "üb"), "\"" + std::string(79, 'a') + "\"");
  EXPECT_EQ(QuotedText(std::string(78, 'a') + "üb"), "\"" + std::string(78, 'a') + "ü\"");
}

}  // namespace
}  // namespace crescendo
