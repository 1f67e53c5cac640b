// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.SQLUserDefinedType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.types.UserDefinedType;

/**
 * The type in which rows pass through the stage, in Spark's internal format. To decode columns that
 * only pass through would change some values (dates of October 1582, collations), fail for some
 * types (user-defined types of Python) and take time. Spark's general encoding of vectors would box
 * each float. The stage unwraps this type in its output, so users never see it.
 */
public final class RowUdt extends UserDefinedType<RowUdt.Cell> {
  private static final long serialVersionUID = 1;

  private final StructType type;

  /** One row. */
  @SQLUserDefinedType(udt = RowUdt.class)
  public record Cell(InternalRow row) {}

  /** The constructor that Spark's generated code calls, to convert rows of any type. */
  public RowUdt() {
    this(new StructType());
  }

  RowUdt(StructType type) {
    this.type = type;
  }

  @Override
  public DataType sqlType() {
    return type;
  }

  @Override
  public Object serialize(Cell cell) {
    return cell.row();
  }

  /**
   * Returns a copy, because the stage reads ahead and Spark reuses the memory of a row for the next
   * one.
   */
  @Override
  public Cell deserialize(Object datum) {
    return new Cell(((InternalRow) datum).copy());
  }

  @Override
  public Class<Cell> userClass() {
    return Cell.class;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof RowUdt udt && udt.type.equals(type);
  }

  @Override
  public int hashCode() {
    return type.hashCode();
  }
}
