// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.SQLUserDefinedType;
import org.apache.spark.sql.types.UserDefinedType;

/**
 * Annotations of Spark NLP on their way into a column: handed to Spark in its own inner form, since
 * the general way boxes each float. The stage unwraps the type before anybody sees it.
 */
public final class AnnotationsUdt extends UserDefinedType<AnnotationsUdt.Cell> {
  /** The annotations of one row. */
  @SQLUserDefinedType(udt = AnnotationsUdt.class)
  public record Cell(ArrayData data) {}

  /** For Spark. */
  public AnnotationsUdt() {}

  @Override
  public DataType sqlType() {
    return Annotations.TYPE;
  }

  @Override
  public Object serialize(Cell cell) {
    return cell.data();
  }

  @Override
  public Cell deserialize(Object datum) {
    return new Cell((ArrayData) datum);
  }

  @Override
  public Class<Cell> userClass() {
    return Cell.class;
  }
}
