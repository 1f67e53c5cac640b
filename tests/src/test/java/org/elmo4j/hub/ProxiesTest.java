// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.hub;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.URI;
import java.util.List;
import java.util.Map;
import org.elmo4j.ElmoException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ProxiesTest {
  private static final Map<String, String> ENVIRONMENT =
      Map.of(
          "https_proxy", "http://secure:3128",
          "http_proxy", "plain",
          "no_proxy", "example.org, .inner.net");

  private static String proxy(Map<String, String> environment, String address) {
    List<Proxy> proxies = Proxies.of(environment).select(URI.create(address));
    assertEquals(1, proxies.size());
    InetSocketAddress proxy = (InetSocketAddress) proxies.get(0).address();
    return proxy == null ? "none" : proxy.getHostString() + ":" + proxy.getPort();
  }

  @ParameterizedTest
  @CsvSource({
    "https://a.com/x, secure:3128",
    "http://a.com/x, plain:80",
    "https://example.org/x, none",
    "https://WWW.Example.org/x, none",
    "https://notexample.org/x, secure:3128",
    "https://a.inner.net/x, none",
    "http://localhost:1/x, none",
    "http://127.0.0.1:1/x, none",
    "http://[::1]:1/x, none",
  })
  void theEnvironmentNamesAProxyForAnAddress(String address, String wanted) {
    assertEquals(wanted, proxy(ENVIRONMENT, address));
  }

  @Test
  void withoutVariablesThereIsNone() {
    assertEquals("none", proxy(Map.of(), "https://a.com/"));
    assertEquals("none", proxy(Map.of("https_proxy", " "), "https://a.com/"));
    assertEquals("x:1", proxy(Map.of("ALL_PROXY", "http://x:1"), "https://a.com/"));
    assertEquals("none", proxy(Map.of("ALL_PROXY", "x:1", "NO_PROXY", "*"), "https://a.com/"));
    // HTTP_PROXY is ignored: in a CGI program it may come from a header of the request.
    assertEquals("none", proxy(Map.of("HTTP_PROXY", "http://x:1"), "http://a.com/"));
  }

  @Test
  void aValueThatIsNoHttpProxyIsRefused() {
    for (String bad : List.of("socks5://x:1", "https://x:1", "http://", "http://a b")) {
      assertThrows(ElmoException.class, () -> proxy(Map.of("https_proxy", bad), "https://a.com/"));
    }
  }

  @Test
  void javasOwnPropertiesComeFirst() {
    System.setProperty("https.proxyHost", "other");
    try {
      assertSame(ProxySelector.getDefault(), Proxies.of(ENVIRONMENT));
    } finally {
      System.clearProperty("https.proxyHost");
    }
  }

  @Test
  void aSelectorThatTheProgramSetComesFirst() {
    ProxySelector before = ProxySelector.getDefault();
    ProxySelector.setDefault(ProxySelector.of(InetSocketAddress.createUnresolved("own", 9)));
    try {
      assertEquals("own:9", proxy(ENVIRONMENT, "https://a.com/"));
      ProxySelector.setDefault(null);
      assertEquals("secure:3128", proxy(ENVIRONMENT, "https://a.com/"));
    } finally {
      ProxySelector.setDefault(before);
    }
  }
}
