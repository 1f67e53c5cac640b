// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.hub;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.SocketAddress;
import java.net.URI;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.elmo4j.ElmoException;

/**
 * Chooses proxies by the environment variables {@code https_proxy}, {@code http_proxy}, {@code
 * all_proxy} and {@code no_proxy}, with the meaning that curl gives them. Requests to this machine
 * itself never use a proxy. Thread-safe.
 */
final class Proxies extends ProxySelector {
  private final Map<String, String> environment;
  private final ProxySelector java;

  private Proxies(Map<String, String> environment, ProxySelector java) {
    this.environment = environment;
    this.java = java;
  }

  /**
   * Uses the proxy of Java's system properties if they name one, else that of the default selector,
   * which a program may have set, else that of the environment.
   */
  static ProxySelector of(Map<String, String> environment) {
    ProxySelector java = ProxySelector.getDefault();
    for (String property :
        List.of(
            "http.proxyHost", "https.proxyHost", "socksProxyHost", "java.net.useSystemProxies")) {
      if (java != null && System.getProperty(property) != null) {
        return java;
      }
    }
    return new Proxies(environment, java);
  }

  @Override
  public List<Proxy> select(URI address) {
    List<Proxy> chosen = java == null ? List.of() : java.select(address);
    if (chosen.stream().anyMatch(proxy -> proxy.type() != Proxy.Type.DIRECT)) {
      return chosen;
    }
    String host = address.getHost();
    if (host == null || isLocal(host) || isExcepted(host)) {
      return List.of(Proxy.NO_PROXY);
    }
    // If a web server starts Java, HTTP_PROXY in capitals may come from the header of a request.
    List<String> names =
        "https".equalsIgnoreCase(address.getScheme())
            ? List.of("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
            : List.of("http_proxy", "all_proxy", "ALL_PROXY");
    for (String name : names) {
      String value = environment.get(name);
      if (value != null && !value.isBlank()) {
        return List.of(proxy(name, value.strip()));
      }
    }
    return List.of(Proxy.NO_PROXY);
  }

  private static boolean isLocal(String host) {
    return host.equals("localhost") || host.startsWith("127.") || host.equals("[::1]");
  }

  private boolean isExcepted(String host) {
    String list = environment.getOrDefault("no_proxy", environment.getOrDefault("NO_PROXY", ""));
    String name = host.toLowerCase(Locale.ROOT);
    for (String entry : list.toLowerCase(Locale.ROOT).split("[,\\s]+")) {
      String domain = entry.startsWith(".") ? entry.substring(1) : entry;
      if (domain.equals("*")
          || (!domain.isEmpty() && (name.equals(domain) || name.endsWith("." + domain)))) {
        return true;
      }
    }
    return false;
  }

  private static Proxy proxy(String name, String value) {
    URI uri;
    try {
      uri = URI.create(value.contains("://") ? value : "http://" + value);
    } catch (IllegalArgumentException e) {
      uri = null;
    }
    // The message does not contain the value, which may contain a password.
    if (uri == null
        || uri.getHost() == null
        || !"http".equalsIgnoreCase(uri.getScheme())
        || uri.getPort() > 65535
        || uri.getPort() == 0) {
      throw new ElmoException(name + ": expected http://HOST:PORT, found something else");
    }
    int port = uri.getPort() < 0 ? 80 : uri.getPort();
    return new Proxy(Proxy.Type.HTTP, new InetSocketAddress(uri.getHost(), port));
  }

  @Override
  public void connectFailed(URI address, SocketAddress proxy, IOException e) {
    // The request fails with its own exception.
  }
}
